#pragma once
#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "runtime/block_ops.hpp"
#include "runtime/collective_plan.hpp"
#include "runtime/execution_plan.hpp"
#include "runtime/host_batch.hpp"
#include "runtime/kv_storage.hpp"
#include "runtime/model_weights.hpp"
#include "runtime/rank_threads.hpp"

namespace millrace {

// The largest step that a forward pass must hold.
struct StepLimits {
  int max_rows = 0;
  int max_tokens = 0;
  int max_sequence_tokens = 0;
  int block_tokens = 0;
  int max_logprobs = 0;

  // Tokens that a step samples.
  [[nodiscard]] int max_samples() const { return std::max(max_rows, max_tokens); }
};

// Where a forward pass wants logits, and for what.
struct PromptTarget {
  std::int32_t batch_token;  // its logits predict the next token of its row
  std::int32_t target;       // that token's id
  int top;                   // how many most likely tokens to report
};

// Log-probabilities of prompt tokens, entry i for target i: top_ids and top_logprobs have `top_stride` a row.
struct PromptLogprobs {
  std::vector<float> logprobs;
  std::vector<std::int32_t> top_ids;
  std::vector<float> top_logprobs;
};

// The walk through a model: block operations, compute, then score_prompt and sample. Allocates only when it
// is made. Used by one thread at a time.
class Forward {
 public:
  Forward(const ModelSpec& spec, const ExecutionPlan& plan, const ModelWeights& weights, KvStorage& kv,
          const StepLimits& limits);
  ~Forward();

  void run(BlockOp kind, std::span<const BlockCopy> copies);

  // The shape that a batch of that shape is to have.
  [[nodiscard]] BatchShape shape_for(const BatchShape& used) const;
  // Room for the largest batch.
  void reserve(HostBatch& batch) const { batch.reserve(largest_); }

  // Queues the way of the batch through all layers, which writes its KV. Throws Error when a device fails, as
  // do the functions below; KV of the batch's tokens is undefined then.
  void compute(const HostBatch& batch);
  // Of the computed batch. `out` has room for every target.
  void score_prompt(std::span<const PromptTarget> targets, PromptLogprobs& out);
  // Of the computed batch: what the head would get for batch_tokens[i], that is the hidden state after the
  // last norm, as row places[i] of `out`.
  void read_hidden(std::span<const std::int32_t> batch_tokens, std::span<const int> places,
                   std::span<float> out);
  // Of the computed batch: rows[i] draws after token sample_tokens()[i]. Waits for all that was queued.
  void sample(const HostBatch& batch, std::span<const SampleRow> rows, std::span<SampleResult> results);

  [[nodiscard]] int hidden_size() const { return spec_.hidden_size; }
  [[nodiscard]] std::int64_t workspace_bytes() const { return workspace_bytes_; }
  // For people: how cards that split layers sum; empty when none do.
  [[nodiscard]] const std::string& exchange() const { return exchange_.description; }

 private:
  struct RankState;

  // Whether the batch is one of few shapes that come again and again.
  [[nodiscard]] bool is_repeated(const HostBatch& batch) const;
  void run_stage(std::size_t stage, const HostBatch& batch);
  // The stage's work on its first rank, all of it when there is no other; logits too when they fit.
  void run_alone(std::size_t stage, const HostBatch& batch);
  void run_layers(const Stage& stage, const Rank& rank);
  // The halves of a layer. Each leaves what it adds to x in the rank's delta: its share of the sum over the
  // ranks. `before` is what the layer before has still to add, or null.
  void run_attention(const Rank& rank, const LayerWeights& weights, int layer, const Tensor* before);
  void run_ffn(const Rank& rank, const LayerWeights& weights);
  void hand_over(const Stage& from, const Stage& to);
  void upload_batch(RankState& state, const HostBatch& batch);
  // Logits of `rows` batch tokens, given in device memory, in the last stage's logits buffer: at most
  // logit_rows_ at a time.
  Tensor logits_of(const std::int32_t* batch_tokens, int rows);
  // Their hidden states after the last norm, in the same way.
  Tensor normed_of(const std::int32_t* batch_tokens, int rows);
  Tensor logits_of(std::span<const std::int32_t> batch_tokens);
  RankState& last_state() { return state_of(plan_.stages.back().ranks.front()); }
  RankState& state_of(const Rank& rank) { return *states_[static_cast<std::size_t>(rank.index)]; }

  const ModelSpec& spec_;
  const ExecutionPlan& plan_;
  const ModelWeights& weights_;
  KvStorage& kv_;
  StepLimits limits_;
  std::vector<std::unique_ptr<RankState>> states_;
  PlanCollective exchange_;
  RankThreads threads_;
  BatchShape largest_;
  bool repeats_ = true;  // a device of the plan gains by it
  int logit_rows_ = 0;
  bool has_logits_ = false;  // the logits buffer holds those of the batch's sample_tokens()
  std::vector<std::int32_t> row_indices_, targets_;
  std::vector<std::byte> hidden_bytes_;  // as they come from the device
  std::int64_t workspace_bytes_ = 0;
};

}  // namespace millrace
