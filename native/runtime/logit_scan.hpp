// Passes over a row of logits. The row is cut into runs of kRunLogits; knowing each run's largest lets later
// passes skip nearly all of a large vocabulary.
#pragma once
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "runtime/sampling.hpp"

namespace millrace {

struct LogitScan {
  float max = 0;             // -infinity when every logit is
  std::int32_t argmax = -1;  // lowest id with the largest logit
  bool bad = false;          // NaN or +infinity is among them; then the rest means nothing
};

// Some of the tokens, best first: those with a larger logit, and of those with this one the ids up to
// last_id.
struct Best {
  float logit = -std::numeric_limits<float>::infinity();
  std::int32_t last_id = std::numeric_limits<std::int32_t>::max();

  [[nodiscard]] bool has(float other, std::int32_t id) const {
    return other > logit || (other == logit && id <= last_id);
  }
};

// Fills scratch.maxima with the largest of each run.
LogitScan scan_logits(std::span<const float> logits, SampleScratch& scratch);

// The functions below are for logits that were scanned last with this scratch, and found good.

// Sum of exp((logit - max) * scale) over the best tokens; scratch.run_sums gets that of each run.
double weigh(std::span<const float> logits, float max, float scale, const Best& best, SampleScratch& scratch);

// The `count` best tokens, count >= 1. -infinity is never among them.
Best best_tokens(std::span<const float> logits, std::size_t count, SampleScratch& scratch);

// Fills scratch.candidates with their ids, ascending.
void collect(std::span<const float> logits, const Best& best, SampleScratch& scratch);

}  // namespace millrace
