// The plain form of the loops of quantisation.
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "core/convert.hpp"
#include "cpu/quantize_kernels.hpp"

namespace millrace {
namespace {

float largest_magnitude(const float* values, std::int64_t count) {
  // As whole numbers, bits of magnitudes have the order of the magnitudes, and NaN comes last.
  std::int32_t largest = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    largest = std::max(largest, std::bit_cast<std::int32_t>(values[i]) & 0x7FFFFFFF);
  }
  return std::bit_cast<float>(largest);
}

float round_to(float value, Rounding rounding) {
  // Adding this leaves no bits for fractions; right for magnitudes below 2^22.
  constexpr float kShift = 0x1.8p23F;
  const float nearest = (value * rounding.inverse + kShift) - kShift;
  return std::min(std::max(nearest, rounding.low), rounding.high);
}

struct GroupSums {
  float products;  // of the values with their whole numbers
  float squares;   // of the whole numbers
};

GroupSums sums(const float* values, std::int64_t count, Rounding rounding) {
  float products[8] = {}, squares[8] = {};
  for (std::int64_t i = 0; i < count; ++i) {
    const float q = round_to(values[i], rounding);
    products[i % 8] += values[i] * q;
    squares[i % 8] += q * q;
  }
  GroupSums total = {0, 0};
  for (int lane = 0; lane < 8; ++lane) {
    total.products += products[lane];
    total.squares += squares[lane];
  }
  return total;
}

GroupFit fit(const float* values, std::int64_t count, const float* steps) {
  GroupFit best;
  float least = 0;  // sum of (value - scale q)^2, less the sum of value^2
  for (int c = 0; c < kCandidates; ++c) {
    GroupFit one;
    // 0 for steps whose inverse is not finite.
    one.rounding.inverse = std::fabs(steps[c]) < std::numeric_limits<float>::min() ? 0 : 1 / steps[c];
    const GroupSums sum = sums(values, count, one.rounding);
    one.scale = f16_to_float(float_to_f16(sum.squares == 0 ? 0 : sum.products / sum.squares));
    const float error = one.scale * (one.scale * sum.squares - 2 * sum.products);
    if (error < least) {
      least = error;
      best = one;
    }
  }
  return best;
}

void codes(const float* values, std::int64_t count, Rounding rounding, int offset, std::uint8_t* to) {
  for (std::int64_t i = 0; i < count; ++i) {
    to[i] = static_cast<std::uint8_t>(static_cast<int>(round_to(values[i], rounding)) + offset);
  }
}

}  // namespace

const QuantizeKernels& scalar_quantize_kernels() {
  static constexpr QuantizeKernels kKernels = {largest_magnitude, fit, codes};
  return kKernels;
}

}  // namespace millrace
