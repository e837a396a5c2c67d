#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/forward.hpp"
#include "runtime/kv_pool.hpp"
#include "runtime/slot_state.hpp"

namespace millrace {

// Bits and values of src/native/binding.ts: RowOutput and RowStatus.
enum RowOutput : std::int32_t {
  kSample = 1,
  kLogprobs = 2,
  kPromptLogprobs = 4,
  kAwaitMask = 8,
  kHidden = 16,
  kVerify = 32
};
enum class RowStatus : std::int32_t {
  kRunning = 0,
  kStop = 1,
  kLength = 2,
  kSkipped = 3,
  kBadLogits = -1,
  kBadMask = -2
};

// One step's input, as StepInput in src/core/step-arrays.ts says. The spans are read by submit() only.
struct StepInput {
  int num_rows = 0;
  std::span<const std::int32_t> slots, query_starts, token_ids, positions, outputs, next_token_ids;
};

// One step's output, as StepOutput in src/core/step-arrays.ts.
struct StepOutput {
  std::vector<std::int32_t> token_starts, tokens, statuses, top_ids, prompt_top_ids;
  std::vector<float> logprobs, top_logprobs, prompt_logprobs, prompt_top_logprobs;
  // (rows with kHidden, hidden_size), in the order of the rows; zeros for one that was skipped. Sized by the
  // step.
  std::vector<float> hidden;
  double start_ms = 0, end_ms = 0, idle_ms = 0, hand_out_ms = 0;
};

// One sequence of a queued step.
struct StepRow {
  std::shared_ptr<SlotState> slot;
  int first_token = 0;  // in StepJob::token_ids
  int num_tokens = 0;
  std::int32_t position = 0;
  std::int32_t outputs = 0;
  std::int32_t next_token = -1;
  int table_start = 0;  // in StepJob::tables
  int table_size = 0;
};

// A queued step: everything that the step thread needs, copied. Jobs are made once and used again.
struct StepJob {
  std::vector<StepRow> rows;
  std::vector<std::int32_t> token_ids;
  std::vector<std::int32_t> tables;
  BlockOps block_ops;
  bool any_logprobs = false;
  bool any_prompt_logprobs = false;
  int num_hidden = 0;  // rows with kHidden
  StepOutput output;
  // Set when the whole step failed.
  std::string error_code, error_message;

  // The whole step failed. The KV of its rows is undefined, so rows of theirs that are queued are skipped.
  void fail(const std::string& code, const std::string& message);
};

// A token of a step after which one is sampled.
struct SamplePlace {
  int row;
  int token;  // in its row
};

// Runs jobs, one after the other. Lives on the step thread.
class StepRunner {
 public:
  StepRunner(Forward& forward, const StepLimits& limits, int vocab_size);
  // Fills job.output; throws Error when the whole step failed.
  void run(StepJob& job);

 private:
  // A row that takes part, and where its first token is in the batch.
  struct ActiveRow {
    int row;
    int first_batch_token;
  };
  void run_block_ops(StepJob& job);
  void gather_rows(const StepJob& job);
  void fill_batch(const StepJob& job);
  void add_prompt_targets(const StepJob& job, int row, int first_batch_token);
  void score_prompt(StepJob& job);
  void read_hidden(StepJob& job);
  void sample(StepJob& job);
  // What a row's places have drawn goes into the output; returns how many tokens the output has then.
  int finish_row(StepJob& job, std::size_t first_sample, std::size_t end_sample, int tokens);
  RowStatus take_token(StepJob& job, std::size_t sample, int place);

  Forward& forward_;
  StepLimits limits_;
  int mask_words_;
  BlockOps block_ops_;  // that steps before could not do
  HostBatch batch_;
  std::vector<ActiveRow> active_;
  std::vector<SamplePlace> places_;  // in order of the batch's sample_tokens()
  std::vector<SampleRow> samples_;
  std::vector<SampleResult> results_;
  std::vector<std::vector<std::int32_t>> masks_;
  std::vector<PromptTarget> prompt_targets_;
  std::vector<int> prompt_places_;           // index of each target's input token in the job
  std::vector<std::int32_t> hidden_tokens_;  // of the batch
  std::vector<int> hidden_places_;           // index of each among the rows with kHidden
  PromptLogprobs prompt_;
};

}  // namespace millrace
