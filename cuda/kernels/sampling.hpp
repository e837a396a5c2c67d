#pragma once
#include <cstdint>

#include "platform/runtime.hpp"

namespace millrace::gpu {

// One row to sample, flat: MillraceSampleRow without pointers into the host's memory. Offsets are into the
// arrays of SampleParams.
struct CardSampleRow {
  float inverse_temperature = 0;  // in range as sample_row() has it; 0: greedy
  int top_k = 0;                  // 0: all
  float top_p = 1;
  float min_p = 0;         // 0: all
  double min_p_depth = 0;  // log(double(min_p)) / double(inverse_temperature): by the host, whose bits it has
  float repetition_penalty = 1, frequency_penalty = 0, presence_penalty = 0;
  std::uint64_t seed = 0;
  std::int64_t position = 0;
  std::int32_t counts_start = 0, num_counts = 0;  // entries for the penalties; 0 where there are none
  std::int32_t biases_start = 0, num_biases = 0;
  std::int32_t banned_start = 0, num_banned = 0;
  std::int32_t mask_start = -1;  // first word, -1: no mask
  std::int32_t top_logprobs = 0;
  bool want_logprobs = false;
  // Of rows that keep their logits: where in the workspace their scores are, one of kMostScoreRows.
  std::int32_t score_slot = -1;
};

// Rows of a launch that keep their logits, at most. 152k scores are 0.6 MB.
constexpr int kMostScoreRows = 32;

// Whether it is sampled from other scores than its logits.
__host__ __device__ inline bool is_adjusted(const CardSampleRow& row) {
  return row.num_counts > 0 || row.num_biases > 0 || row.num_banned > 0 || row.mask_start >= 0;
}

// Whether its scores may not take the place of its logits: log-probabilities are those of the logits.
__host__ __device__ inline bool keeps_logits(const CardSampleRow& row) {
  return is_adjusted(row) && row.want_logprobs;
}

// An entry of TokenCounts.
struct CardTokenCount {
  std::int32_t token;
  std::int32_t in_output;
};

struct CardSampleResult {
  std::int32_t status;  // SampleStatus
  std::int32_t token;   // -1 unless the status is kOk
  float logprob;
};

// The most log-probabilities that a row can have beside that of its token.
constexpr int kMostTopLogprobs = 256;

// All in memory of the card. The launch has the same shape for whatever the rows hold, so a graph can replay
// it with other rows.
struct SampleParams {
  float* logits;  // (rows, vocab) `stride` apart; rows that do not keep them get their scores
  std::int64_t stride;
  int rows;
  int vocab;
  const CardSampleRow* sample_rows;
  const CardTokenCount* counts;
  const std::int32_t* bias_ids;
  const float* biases;
  const std::int32_t* banned;
  const std::int32_t* masks;
  CardSampleResult* results;  // (rows,)
  std::int32_t* top_ids;      // (rows, top_stride); written for rows with want_logprobs
  float* top_logprobs;        // (rows, top_stride)
  int top_stride;
  void* workspace;  // sample_workspace_bytes(rows, vocab), aligned to 256; its contents do not matter
};

std::int64_t sample_workspace_bytes(int rows, int vocab);

// Draws the tokens that the CPU's sampler draws from the same logits (runtime/sampling.hpp): sums have its
// bits. Three launches.
void launch_sample(Stream& stream, const SampleParams& params);

// Log-probability of targets[i] and the `top` best of row i, as Device::log_probs.
struct LogProbParams {
  float* logits;  // not changed
  std::int64_t stride;
  int rows;
  int vocab;
  const std::int32_t* targets;
  int top;  // at most kMostTopLogprobs
  float* logprobs;
  std::int32_t* top_ids;
  float* top_logprobs;
  int top_stride;
  void* workspace;  // log_prob_workspace_bytes(rows, vocab), or more
};

// No more than sample_workspace_bytes of the same.
std::int64_t log_prob_workspace_bytes(int rows, int vocab);

void launch_log_probs(Stream& stream, const LogProbParams& params);

}  // namespace millrace::gpu
