// What simd_panels.hpp needs beyond Avx512, for processors with AVX-512 and nothing newer.
#pragma once
#include "cpu/simd_avx512.hpp"
#include "cpu/simd_panels.hpp"

namespace millrace {
namespace {

struct Avx512Panels : Avx512 {
  using I = __m512i;

  static I load_bits(const std::byte* p) { return _mm512_loadu_si512(p); }
  static I set_bits(const std::byte* p) {
    std::int32_t bits;
    __builtin_memcpy(&bits, p, sizeof bits);
    return _mm512_set1_epi32(bits);
  }
  static I set_int(std::int32_t x) { return _mm512_set1_epi32(x); }
  static F to_float(I x) { return _mm512_cvtepi32_ps(x); }
  static I to_int(F x) { return _mm512_cvtps_epi32(x); }
  static I add_int(I a, I b) { return _mm512_add_epi32(a, b); }
  static std::int32_t sum_int(I x) { return _mm512_reduce_add_epi32(x); }
  static I magnitude_bits(const float* p) {
    return _mm512_and_si512(_mm512_loadu_si512(p), _mm512_set1_epi32(0x7FFFFFFF));
  }
  static I max_int(I a, I b) { return _mm512_max_epi32(a, b); }
  static std::int32_t largest_int(I x) { return _mm512_reduce_max_epi32(x); }
  static F negated_fma(F a, F b, F c) { return _mm512_fnmadd_ps(a, b, c); }
  static F first_bf16(I pairs) { return _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16)); }
  static F second_bf16(I pairs) {
    return _mm512_castsi512_ps(_mm512_and_si512(pairs, _mm512_set1_epi32(static_cast<int>(0xFFFF0000U))));
  }

  static I low_nibbles(I x) { return _mm512_and_si512(x, _mm512_set1_epi8(15)); }
  static I high_nibbles(I x) { return low_nibbles(_mm512_srli_epi16(x, 4)); }
  // Bits `shift` and shift + 1 of each byte of `high` become bits 4 and 5.
  static I with_high_bits(I low, I high, int shift) {
    const I moved = shift < 4 ? _mm512_slli_epi16(high, static_cast<unsigned>(4 - shift))
                              : _mm512_srli_epi16(high, static_cast<unsigned>(shift - 4));
    return _mm512_or_si512(low, _mm512_and_si512(moved, _mm512_set1_epi8(0x30)));
  }

  // Products of bytes in 16 bits, so that none is cut off: first the even bytes, then the odd ones.
  static constexpr int kTurns = 2;
  static I of_turn(I four, int turn) {
    return turn == 0 ? _mm512_and_si512(four, _mm512_set1_epi16(255)) : _mm512_srli_epi16(four, 8);
  }
  static I add_products(I sums, I w, I x) { return _mm512_add_epi32(sums, _mm512_madd_epi16(w, x)); }
  static void store_activations(std::byte* to, const I (&q)[2]) {
    for (int v = 0; v < 2; ++v) {
      const I ordered = _mm512_shuffle_epi32(q[v], _MM_PERM_DBCA);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to) + v, _mm512_cvtepi32_epi16(ordered));
    }
  }

  using FloatShape = TileShape<6, 4, 8>;
  using IntShape = TileShape<6, 2, 4>;
};

}  // namespace
}  // namespace millrace
