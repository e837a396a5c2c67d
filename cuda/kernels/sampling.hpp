#pragma once
#include <cstdint>

#include "platform/runtime.hpp"

namespace millrace::gpu {

// One row to sample, flat: SampleRow (runtime/sampling.hpp) without pointers into host objects. Offsets are
// into the arrays of SampleParams.
struct CardSampleRow {
  float inverse_temperature;  // 0: greedy
  int top_k;                  // 0: all
  float top_p;
  float min_p_depth;  // log(min_p) / inverse_temperature, by the host; -infinity: no min-p
  float repetition_penalty, frequency_penalty, presence_penalty;
  std::uint64_t seed;
  std::int64_t position;
  std::int32_t counts_start, num_counts;  // penalties' entries
  std::int32_t biases_start, num_biases;
  std::int32_t banned_start, num_banned;
  std::int32_t mask_start;  // first word, -1: no mask
  std::int32_t top_logprobs;
  bool want_logprobs;
};

// An entry of TokenCounts.
struct CardTokenCount {
  std::int32_t token;
  std::int32_t in_output;
};

struct CardSampleResult {
  std::int32_t status;  // SampleStatus
  std::int32_t token;
  float logprob;
};

// All in memory of the card.
struct SampleParams {
  const float* logits;  // (rows, vocab) `stride` apart
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
  std::int32_t* top_ids;      // (rows, top_stride)
  float* top_logprobs;        // (rows, top_stride)
  int top_stride;
  void* workspace;  // sample_workspace_bytes()
};

std::int64_t sample_workspace_bytes(int max_rows, int vocab);

// Draws the tokens that the CPU's sampler draws from the same logits (runtime/sampling.hpp).
void launch_sample(Stream& stream, const SampleParams& params);

// Log-probability of targets[i] and the `top` best of row i, as Device::log_probs.
struct LogProbParams {
  const float* logits;
  std::int64_t stride;
  int rows;
  int vocab;
  const std::int32_t* targets;
  int top;
  float* logprobs;
  std::int32_t* top_ids;
  float* top_logprobs;
  int top_stride;
  void* workspace;
};

void launch_log_probs(Stream& stream, const LogProbParams& params);

}  // namespace millrace::gpu
