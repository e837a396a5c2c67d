// The inner loops over a row of logits, as a table of plain functions: the scalar ones are here, a device may
// bring faster ones. Includes <cstdint> only, because files compiled for an instruction set include it.
#pragma once
#include <cstdint>

namespace millrace {

// A row is cut into runs of this many logits.
constexpr std::int64_t kRunLogits = 256;
// Sums over a run are kept in this many lanes, element i in lane i % kLogitLanes, which are then added in
// order: every table gives the same bits, and so every processor the same tokens for a seed.
constexpr int kLogitLanes = 16;

// All functions take up to kRunLogits logits.
struct LogitKernels {
  // The largest. Sets `bad` when NaN or +infinity is among them, and leaves it otherwise.
  float (*max)(const float* logits, std::int64_t count, bool& bad);
  // Sum of exp((logit - best) * scale) over the logits that are > above.
  float (*weigh)(const float* logits, std::int64_t count, float best, float scale, float above);
  // Writes the indices, plus `offset`, of the logits that are >= least, ascending. Returns how many.
  std::int64_t (*collect)(const float* logits, std::int64_t count, float least, std::int32_t offset,
                          std::int32_t* ids);
  // How many are >= least.
  std::int64_t (*count)(const float* logits, std::int64_t count, float least);
};

const LogitKernels& scalar_logit_kernels();

// exp(x) for x <= 0, within 2 units in the last place; 0 below -87.68. The weight of one logit, with the bits
// that `weigh` gives it.
float exp_nonpositive(float x);

}  // namespace millrace
