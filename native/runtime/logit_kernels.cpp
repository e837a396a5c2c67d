#include "runtime/logit_kernels.hpp"

#include <algorithm>
#include <bit>
#include <limits>

namespace millrace {
namespace {

constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

float max(const float* logits, std::int64_t count, bool& bad) {
  float best = kMinusInfinity;
  for (std::int64_t i = 0; i < count; ++i) {
    best = logits[i] > best ? logits[i] : best;
    if (!(logits[i] <= std::numeric_limits<float>::max())) bad = true;  // NaN and +infinity
  }
  return best;
}

float weigh(const float* logits, std::int64_t count, float best, float scale, float above) {
  float sums[kLogitLanes] = {};
  for (std::int64_t i = 0; i < count; ++i) {
    if (logits[i] > above) sums[i % kLogitLanes] += exp_nonpositive((logits[i] - best) * scale);
  }
  float total = 0;
  for (const float sum : sums) total += sum;
  return total;
}

std::int64_t collect(const float* logits, std::int64_t count, float least, std::int32_t offset,
                     std::int32_t* ids) {
  std::int64_t found = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    if (logits[i] >= least) ids[found++] = offset + static_cast<std::int32_t>(i);
  }
  return found;
}

std::int64_t count_at_least(const float* logits, std::int64_t count, float least) {
  return std::count_if(logits, logits + count, [least](float logit) { return logit >= least; });
}

}  // namespace

float exp_nonpositive(float x) {
  constexpr float kLeast = -88.0F;
  constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: adding it leaves the nearest integer in the low bits
  x = x < kLeast ? kLeast : x;
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

const LogitKernels& scalar_logit_kernels() {
  static constexpr LogitKernels kKernels = {
      .max = max, .weigh = weigh, .collect = collect, .count = count_at_least};
  return kKernels;
}

}  // namespace millrace
