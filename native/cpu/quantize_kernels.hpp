// The inner loops of quantisation. Includes what kernel files may (kernels.hpp). Every table gives the same
// bits: sums are over eight lanes, element i in lane i % 8, which are then added in order.
#pragma once
#include <cstdint>

namespace millrace {

// How whole numbers are made: the nearest to value * inverse, ties to even, from low to high.
struct Rounding {
  float inverse, low, high;
};

constexpr int kCandidates = 8;

// Whole numbers from -8 to 7 with one scale, which F16 holds.
struct GroupFit {
  float scale = 0;
  Rounding rounding = {0, -8, 7};
};

// Counts are multiples of 8.
struct QuantizeKernels {
  // NaN when one of them is.
  float (*largest_magnitude)(const float* values, std::int64_t count);
  // Each candidate is a step between whole numbers; the scale that fits its whole numbers best (by least
  // squares, rounded to F16) takes the step's place. The first with the least squared error, or zeros.
  GroupFit (*fit)(const float* values, std::int64_t count, const float* steps);
  // The whole numbers plus `offset`.
  void (*codes)(const float* values, std::int64_t count, Rounding rounding, int offset, std::uint8_t* to);
};

const QuantizeKernels& scalar_quantize_kernels();
// Null where the compiler could not make them. Whether the processor runs them is has_isa()'s to say.
const QuantizeKernels* avx2_quantize_kernels();

}  // namespace millrace
