// The element types of checkpoints in plain C++: what packing reads, and the oracle of every faster form.
//
// GGUF's blocks, from the first byte on; d and dmin are F16, q and the scales are small whole numbers:
//
//   Q8_0   32 elements: d, 32 x int8 q;              w = d q
//   Q4_0   32: d, 16 bytes; element i < 16 is the low half of byte i, i + 16 the high half;   w = d (q - 8)
//   Q4_K   256: d, dmin, 12 bytes with 8 scales and 8 minima of 6 bits, 128 bytes; of each 32 bytes, the
//          low halves are 32 elements and the high halves the next 32;   w = d scale q - dmin minimum
//   Q6_K   256: 128 bytes of low halves, 64 bytes of pairs of bits above them, 16 int8 scales, d;
//          w = d scale (q - 32), a scale for 16 elements
#pragma once
#include <cstddef>
#include <cstdint>

#include "core/dtype.hpp"

namespace millrace {

// `count` elements of a row, which begin and end with a block. Rounded once, to F32; exact but for Q4_K and
// Q6_K.
void widen_row(DType dtype, const std::byte* from, float* to, std::int64_t count);

// The scales and minima of the 8 groups of 32 in a block of Q4_K.
struct Q4KScales {
  std::uint8_t scales[8], minima[8];
};
Q4KScales q4k_scales(const std::byte* block);

// The whole numbers of a block of Q6_K in order, from 0 to 63.
void q6k_codes(const std::byte* block, std::uint8_t* codes);

// Where the parts of a block lie.
constexpr int kQ4KScalesAt = 4, kQ4KCodesAt = 16;
constexpr int kQ6KHighBitsAt = 128, kQ6KScalesAt = 192, kQ6KScaleAt = 208;

}  // namespace millrace
