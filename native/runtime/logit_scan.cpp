#include "runtime/logit_scan.hpp"

#include <algorithm>
#include <bit>
#include <functional>
#include <limits>

namespace millrace {
namespace {

// Loops over this many independent values become vector instructions without reordering any sum.
constexpr std::size_t kLanes = 16;
constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();
constexpr float kLargest = std::numeric_limits<float>::max();

struct RunScan {
  float max;
  bool bad;
};

RunScan scan_run(const float* logits, std::size_t count) {
  float max[kLanes];
  std::int32_t bad[kLanes];
  std::fill_n(max, kLanes, kMinusInfinity);
  std::fill_n(bad, kLanes, 0);
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (std::size_t l = 0; l < kLanes; ++l) {
      const float value = logits[i + l];
      max[l] = value > max[l] ? value : max[l];
      bad[l] |= value <= kLargest ? 0 : 1;  // false for NaN and +infinity
    }
  }
  for (std::size_t l = 0; i < count; ++i, ++l) {
    max[l] = logits[i] > max[l] ? logits[i] : max[l];
    bad[l] |= logits[i] <= kLargest ? 0 : 1;
  }
  return {*std::max_element(max, max + kLanes), std::find(bad, bad + kLanes, 1) != bad + kLanes};
}

std::int32_t index_of(const float* logits, float value) {
  return static_cast<std::int32_t>(std::find(logits, logits + kRunLogits, value) - logits);
}

float sum_lanes(const float* values, std::size_t count) {
  float sums[kLanes] = {};
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (std::size_t l = 0; l < kLanes; ++l) sums[l] += values[i + l];
  }
  for (std::size_t l = 0; i < count; ++i, ++l) sums[l] += values[i];
  float total = 0;
  for (const float sum : sums) total += sum;
  return total;
}

constexpr float kLeastExponent = -88.0F;

float clamp_exponent(float x) {
  return x < kLeastExponent ? kLeastExponent : x;
}

// exp(x) for kLeastExponent <= x <= 0. Without a branch or call, so that a loop over it becomes vector
// instructions; the clamp, a branch to gcc when it is in the same loop, has one of its own.
inline float exp_in_range(float x) {
  constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: adding it leaves the nearest integer in the low bits
  const float n = (x * 1.44269504F + kRound) - kRound;
  const float r = (x - n * 0.693359375F) - n * -2.12194440e-4F;  // ln 2 in two parts
  float p = 1.0F / 5040;
  p = p * r + 1.0F / 720;
  p = p * r + 1.0F / 120;
  p = p * r + 1.0F / 24;
  p = p * r + 1.0F / 6;
  p = p * r + 0.5F;
  p = (p * r * r + r) + 1.0F;
  // 2^n; for n = -127, the least that comes here, the bits are those of 0.
  return p * std::bit_cast<float>((static_cast<std::int32_t>(n) + 127) << 23);
}

}  // namespace

float exp_nonpositive(float x) {
  return exp_in_range(clamp_exponent(x));
}

LogitScan scan_logits(std::span<const float> logits, std::vector<float>& maxima) {
  maxima.clear();
  LogitScan scan{.max = kMinusInfinity};
  std::size_t best_start = 0;
  for (std::size_t start = 0; start < logits.size(); start += kRunLogits) {
    const RunScan run = scan_run(logits.data() + start, std::min(kRunLogits, logits.size() - start));
    maxima.push_back(run.max);
    scan.bad |= run.bad;
    if (run.max > scan.max) {
      scan.max = run.max;
      best_start = start;
    }
  }
  if (!scan.bad && scan.max > kMinusInfinity) {
    scan.argmax = static_cast<std::int32_t>(best_start) + index_of(logits.data() + best_start, scan.max);
  }
  return scan;
}

double sum_exp(std::span<const float> logits, float max, float scale, std::vector<float>* run_sums) {
  if (run_sums != nullptr) run_sums->clear();
  double total = 0;
  float values[kRunLogits];
  for (std::size_t start = 0; start < logits.size(); start += kRunLogits) {
    const std::size_t count = std::min(kRunLogits, logits.size() - start);
    const float* run = logits.data() + start;
    for (std::size_t i = 0; i < count; ++i) values[i] = clamp_exponent((run[i] - max) * scale);
    for (std::size_t i = 0; i < count; ++i) values[i] = exp_in_range(values[i]);
    const float sum = sum_lanes(values, count);
    if (run_sums != nullptr) run_sums->push_back(sum);
    total += sum;
  }
  return total;
}

void collect_at_least(std::span<const float> logits, std::span<const float> maxima, float threshold,
                      std::vector<std::int32_t>& ids) {
  ids.clear();
  for (std::size_t run = 0; run < maxima.size(); ++run) {
    if (maxima[run] < threshold) continue;
    const std::size_t end = std::min(logits.size(), (run + 1) * kRunLogits);
    for (std::size_t i = run * kRunLogits; i < end; ++i) {
      if (logits[i] >= threshold) ids.push_back(static_cast<std::int32_t>(i));
    }
  }
}

void collect_largest(std::span<const float> logits, std::size_t count, SampleScratch& scratch) {
  auto& ids = scratch.candidates;
  // The count-th largest of the runs' maxima is at most the count-th largest logit.
  float threshold = std::numeric_limits<float>::lowest();
  if (count > 0 && count <= scratch.maxima.size()) {
    scratch.weights.assign(scratch.maxima.begin(), scratch.maxima.end());
    const auto nth = scratch.weights.begin() + static_cast<std::ptrdiff_t>(count - 1);
    std::nth_element(scratch.weights.begin(), nth, scratch.weights.end(), std::greater<>());
    threshold = std::max(threshold, *nth);
  }
  collect_at_least(logits, scratch.maxima, threshold, ids);
  if (ids.size() <= count) return;
  const auto before = [&](std::int32_t a, std::int32_t b) {
    const float x = logits[static_cast<std::size_t>(a)], y = logits[static_cast<std::size_t>(b)];
    return x != y ? x > y : a < b;
  };
  scratch.spare.assign(ids.begin(), ids.end());
  const auto last = scratch.spare.begin() + static_cast<std::ptrdiff_t>(count) - 1;
  if (count > 0) std::nth_element(scratch.spare.begin(), last, scratch.spare.end(), before);
  std::erase_if(ids, [&](std::int32_t id) { return count == 0 || before(*last, id); });
}

}  // namespace millrace
