// What attention needs of AVX-512 beyond the arithmetic of every kernel.
#pragma once
#include "cpu/simd_avx512.hpp"

namespace millrace {
namespace {

struct Avx512Attention : Avx512 {
  static constexpr int kQueries = 4;
  static constexpr int kSumVectors = 4;
  // 4 rows times 6 vectors of sums, the 6 vectors and one element: 31 of 32 registers.
  static constexpr int kManyVectors = 6;
  static constexpr int kManyRows = 8;
  static constexpr int kUnitQueries = 96;

  // `value` in the lanes l with first[l] <= position < last[l], else `other`.
  static F select_seen(const std::int32_t* first, const std::int32_t* last, int position, F value, F other) {
    const __m512i at = _mm512_set1_epi32(position);
    const __mmask16 in = _mm512_cmple_epi32_mask(_mm512_loadu_si512(first), at) &
                         _mm512_cmpgt_epi32_mask(_mm512_loadu_si512(last), at);
    return _mm512_mask_blend_ps(in, other, value);
  }

  static F swap_pairs(F x) { return _mm512_permute_ps(x, 0xB1); }

  // x[i][j] becomes x[j][i].
  static inline __attribute__((always_inline)) void transpose(F (&x)[16]) {
    __m512 a[16];
#pragma GCC unroll 8
    for (int i = 0; i < 16; i += 2) {
      a[i] = _mm512_unpacklo_ps(x[i], x[i + 1]);
      a[i + 1] = _mm512_unpackhi_ps(x[i], x[i + 1]);
    }
    // Quads of rows: b[4 q + c] holds column 4 l + c of rows 4 q to 4 q + 3 in its 128-bit lane l.
    __m512 b[16];
#pragma GCC unroll 4
    for (int q = 0; q < 16; q += 4) {
      b[q] = _mm512_shuffle_ps(a[q], a[q + 2], 0x44);
      b[q + 1] = _mm512_shuffle_ps(a[q], a[q + 2], 0xEE);
      b[q + 2] = _mm512_shuffle_ps(a[q + 1], a[q + 3], 0x44);
      b[q + 3] = _mm512_shuffle_ps(a[q + 1], a[q + 3], 0xEE);
    }
    // A transpose of the 128-bit lanes.
#pragma GCC unroll 4
    for (int c = 0; c < 4; ++c) {
      const __m512 even = _mm512_shuffle_f32x4(b[c], b[4 + c], 0x88);
      const __m512 odd = _mm512_shuffle_f32x4(b[c], b[4 + c], 0xDD);
      const __m512 even2 = _mm512_shuffle_f32x4(b[8 + c], b[12 + c], 0x88);
      const __m512 odd2 = _mm512_shuffle_f32x4(b[8 + c], b[12 + c], 0xDD);
      x[c] = _mm512_shuffle_f32x4(even, even2, 0x88);
      x[8 + c] = _mm512_shuffle_f32x4(even, even2, 0xDD);
      x[4 + c] = _mm512_shuffle_f32x4(odd, odd2, 0x88);
      x[12 + c] = _mm512_shuffle_f32x4(odd, odd2, 0xDD);
    }
  }
};

}  // namespace
}  // namespace millrace
