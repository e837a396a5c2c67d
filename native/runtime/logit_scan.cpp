#include "runtime/logit_scan.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>

namespace millrace {
namespace {

constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();
constexpr float kLowest = std::numeric_limits<float>::lowest();
// Few enough to be put in order by comparing them one by one.
constexpr std::int64_t kFewLogits = 2048;

std::size_t index(std::int64_t i) {
  return static_cast<std::size_t>(i);
}

struct Run {
  std::int64_t start, count;
};

Run run_at(std::span<const float> logits, std::size_t run) {
  const auto start = static_cast<std::int64_t>(run) * kRunLogits;
  return {start, std::min(kRunLogits, static_cast<std::int64_t>(logits.size()) - start)};
}

// Ids of all logits >= least, ascending.
void collect_at_least(std::span<const float> logits, float least, SampleScratch& scratch) {
  scratch.candidates.clear();
  std::int32_t found[kRunLogits];
  for (std::size_t run = 0; run < scratch.maxima.size(); ++run) {
    if (scratch.maxima[run] < least) continue;
    const auto [start, count] = run_at(logits, run);
    const std::int64_t n = scratch.kernels->collect(&logits[index(start)], count, least,
                                                    static_cast<std::int32_t>(start), found);
    scratch.candidates.insert(scratch.candidates.end(), found, found + n);
  }
}

std::int64_t count_at_least(std::span<const float> logits, float least, const SampleScratch& scratch) {
  std::int64_t total = 0;
  for (std::size_t run = 0; run < scratch.maxima.size(); ++run) {
    if (scratch.maxima[run] < least) continue;
    const auto [start, count] = run_at(logits, run);
    total += scratch.kernels->count(&logits[index(start)], count, least);
  }
  return total;
}

// Integers in the order of the floats that are not NaN.
std::int32_t ordered(float x) {
  const auto bits = std::bit_cast<std::int32_t>(x);
  return bits < 0 ? std::numeric_limits<std::int32_t>::min() - bits : bits;
}

float from_ordered(std::int32_t order) {
  return std::bit_cast<float>(order < 0 ? std::numeric_limits<std::int32_t>::min() - order : order);
}

// Logits of which some are among the best: >= low and < high; `above` logits are >= high.
struct Bracket {
  float low, high;
  std::int64_t above;
};

// Halves a bracket that holds the count-th largest logit until few logits are in it.
Bracket narrow(std::span<const float> logits, std::int64_t count, Bracket bracket,
               const SampleScratch& scratch) {
  std::int64_t reached = count_at_least(logits, bracket.low, scratch);
  while (reached - bracket.above > kFewLogits) {
    const std::int64_t low = ordered(bracket.low), high = ordered(bracket.high);
    if (high - low <= 1) break;  // all in it are equal
    const float middle = from_ordered(static_cast<std::int32_t>(low + (high - low) / 2));
    const std::int64_t n = count_at_least(logits, middle, scratch);
    if (n >= count) {
      bracket.low = middle;
      reached = n;
    } else {
      bracket.high = middle;
      bracket.above = n;
    }
  }
  return bracket;
}

}  // namespace

LogitScan scan_logits(std::span<const float> logits, SampleScratch& scratch) {
  scratch.maxima.resize((logits.size() + kRunLogits - 1) / kRunLogits);
  LogitScan scan{.max = kMinusInfinity};
  std::int64_t best_start = 0;
  for (std::size_t run = 0; run < scratch.maxima.size(); ++run) {
    const auto [start, count] = run_at(logits, run);
    const float max = scratch.kernels->max(&logits[index(start)], count, scan.bad);
    scratch.maxima[run] = max;
    if (max > scan.max) {
      scan.max = max;
      best_start = start;
    }
  }
  if (!scan.bad && scan.max > kMinusInfinity) {
    const auto first = logits.begin() + best_start;
    scan.argmax = static_cast<std::int32_t>(std::find(first, logits.end(), scan.max) - logits.begin());
  }
  return scan;
}

double weigh(std::span<const float> logits, float max, float scale, const Best& best,
             SampleScratch& scratch) {
  scratch.run_sums.resize(scratch.maxima.size());
  const float with_equals = std::nextafter(best.logit, kMinusInfinity);
  double total = 0;
  for (std::size_t run = 0; run < scratch.maxima.size(); ++run) {
    scratch.run_sums[run] = 0;
    if (scratch.maxima[run] < best.logit) continue;
    const auto [start, count] = run_at(logits, run);
    // Of equal logits the lower ids are better.
    const std::int64_t equals = std::clamp<std::int64_t>(best.last_id + std::int64_t{1} - start, 0, count);
    const float* first = &logits[index(start)];
    float sum = 0;
    if (equals > 0) sum += scratch.kernels->weigh(first, equals, max, scale, with_equals);
    if (equals < count) sum += scratch.kernels->weigh(first + equals, count - equals, max, scale, best.logit);
    scratch.run_sums[run] = sum;
    total += static_cast<double>(sum);
  }
  return total;
}

Best best_tokens(std::span<const float> logits, std::size_t count, SampleScratch& scratch) {
  if (count >= logits.size()) return {kLowest};
  const auto wanted = static_cast<std::int64_t>(count);
  Bracket bracket{kLowest, std::numeric_limits<float>::infinity(), 0};
  // The count-th largest of the runs' maxima is at most the count-th largest logit.
  if (count <= scratch.maxima.size()) {
    scratch.run_sums.assign(scratch.maxima.begin(), scratch.maxima.end());
    const auto nth = scratch.run_sums.begin() + static_cast<std::ptrdiff_t>(count - 1);
    std::nth_element(scratch.run_sums.begin(), nth, scratch.run_sums.end(), std::greater<>());
    bracket.low = std::max(kLowest, *nth);
  }
  bracket = narrow(logits, wanted, bracket, scratch);
  collect_at_least(logits, bracket.low, scratch);
  auto& ids = scratch.candidates;
  const auto logit = [&](std::int32_t id) { return logits[index(id)]; };
  if (bracket.above > 0) std::erase_if(ids, [&](std::int32_t id) { return logit(id) >= bracket.high; });
  const std::int64_t rank = wanted - bracket.above;  // of the last token that is wanted, among these
  if (static_cast<std::int64_t>(ids.size()) < rank) return {kLowest};  // the rest are -infinity
  const auto last = ids.begin() + rank - 1;
  std::nth_element(ids.begin(), last, ids.end(), [&](std::int32_t a, std::int32_t b) {
    return logit(a) != logit(b) ? logit(a) > logit(b) : a < b;
  });
  return {logit(*last), *last};
}

void collect(std::span<const float> logits, const Best& best, SampleScratch& scratch) {
  collect_at_least(logits, best.logit, scratch);
  std::erase_if(scratch.candidates, [&](std::int32_t id) { return !best.has(logits[index(id)], id); });
}

}  // namespace millrace
