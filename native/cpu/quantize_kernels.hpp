// The inner loops of quantisation. Includes what kernel files may (kernels.hpp). Every table gives the same
// bits: sums are over eight lanes, element i in lane i % 8, which are then added in order.
#pragma once
#include <cstdint>

namespace millrace {

// How whole numbers are made: the nearest to value * inverse, ties to even, from low to high.
struct Rounding {
  float inverse, low, high;
};

struct GroupSums {
  float products;  // of the values with their whole numbers
  float squares;   // of the whole numbers
};

// Counts are multiples of 8.
struct QuantizeKernels {
  // NaN when one of them is.
  float (*largest_magnitude)(const float* values, std::int64_t count);
  GroupSums (*sums)(const float* values, std::int64_t count, Rounding rounding);
  // The whole numbers plus `offset`.
  void (*codes)(const float* values, std::int64_t count, Rounding rounding, int offset, std::uint8_t* to);
};

const QuantizeKernels& scalar_quantize_kernels();
// Null where the compiler could not make them. Whether the processor runs them is has_isa()'s to say.
const QuantizeKernels* avx2_quantize_kernels();

}  // namespace millrace
