// Passes over a row of logits. The row is cut into runs of kRunLogits; knowing each run's largest lets later
// passes skip nearly all of a large vocabulary.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/sampling.hpp"

namespace millrace {

constexpr std::size_t kRunLogits = 256;

struct LogitScan {
  float max = 0;             // -infinity when every logit is
  std::int32_t argmax = -1;  // lowest id with the largest logit
  bool bad = false;          // NaN or +infinity is among them; then the rest means nothing
};

// Fills maxima with the largest of each run.
LogitScan scan_logits(std::span<const float> logits, std::vector<float>& maxima);

// exp(x) for x <= 0, within 2 units in the last place; 0 below -87.68.
float exp_nonpositive(float x);

// Sum of exp((logit - max) * scale). With run_sums, fills it with the sum of each run.
double sum_exp(std::span<const float> logits, float max, float scale, std::vector<float>* run_sums);

// Fills ids with those of all logits >= threshold, ascending.
void collect_at_least(std::span<const float> logits, std::span<const float> maxima, float threshold,
                      std::vector<std::int32_t>& ids);

// Fills scratch.candidates with the `count` largest logits' ids, ascending; of equal logits the lower ids.
// scratch.maxima are of these logits. -infinity is never among them.
void collect_largest(std::span<const float> logits, std::size_t count, SampleScratch& scratch);

}  // namespace millrace
