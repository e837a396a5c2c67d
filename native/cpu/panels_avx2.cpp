#include "cpu/panel_tables.hpp"

#if defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
#include "cpu/simd_avx2.hpp"
#include "cpu/simd_panels.hpp"

namespace millrace {
namespace {

struct Avx2Panels : Avx2 {
  using I = __m256i;

  static I load_bits(const std::byte* p) { return _mm256_loadu_si256(reinterpret_cast<const I*>(p)); }
  static I set_bits(const std::byte* p) {
    std::int32_t bits;
    __builtin_memcpy(&bits, p, sizeof bits);
    return _mm256_set1_epi32(bits);
  }
  static I set_int(std::int32_t x) { return _mm256_set1_epi32(x); }
  static F to_float(I x) { return _mm256_cvtepi32_ps(x); }
  static I to_int(F x) { return _mm256_cvtps_epi32(x); }
  static I add_int(I a, I b) { return _mm256_add_epi32(a, b); }
  static std::int32_t sum_int(I x) {
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4E));
    return _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0xB1)));
  }
  static I magnitude_bits(const float* p) {
    return _mm256_and_si256(_mm256_loadu_si256(reinterpret_cast<const I*>(p)), _mm256_set1_epi32(0x7FFFFFFF));
  }
  static I max_int(I a, I b) { return _mm256_max_epi32(a, b); }
  static std::int32_t largest_int(I x) {
    __m128i m = _mm_max_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0x4E));
    return _mm_cvtsi128_si32(_mm_max_epi32(m, _mm_shuffle_epi32(m, 0xB1)));
  }
  static F negated_fma(F a, F b, F c) { return _mm256_fnmadd_ps(a, b, c); }
  static F first_bf16(I pairs) { return _mm256_castsi256_ps(_mm256_slli_epi32(pairs, 16)); }
  static F second_bf16(I pairs) {
    return _mm256_castsi256_ps(_mm256_and_si256(pairs, _mm256_set1_epi32(static_cast<int>(0xFFFF0000U))));
  }

  static I low_nibbles(I x) { return _mm256_and_si256(x, _mm256_set1_epi8(15)); }
  static I high_nibbles(I x) { return low_nibbles(_mm256_srli_epi16(x, 4)); }
  static I with_high_bits(I low, I high, int shift) {
    const I moved = shift < 4 ? _mm256_slli_epi16(high, 4 - shift) : _mm256_srli_epi16(high, shift - 4);
    return _mm256_or_si256(low, _mm256_and_si256(moved, _mm256_set1_epi8(0x30)));
  }

  // As Avx512Panels: vpmaddubsw would cut off sums of bytes that use all eight bits.
  static constexpr int kTurns = 2;
  static I of_turn(I four, int turn) {
    return turn == 0 ? _mm256_and_si256(four, _mm256_set1_epi16(255)) : _mm256_srli_epi16(four, 8);
  }
  static I add_products(I sums, I w, I x) { return _mm256_add_epi32(sums, _mm256_madd_epi16(w, x)); }
  static void store_activations(std::byte* to, const I (&q)[4]) {
    for (int v = 0; v < 4; v += 2) {
      const I both =
          _mm256_packs_epi32(_mm256_shuffle_epi32(q[v], 0xD8), _mm256_shuffle_epi32(q[v + 1], 0xD8));
      _mm256_storeu_si256(reinterpret_cast<I*>(to) + v / 2, _mm256_permute4x64_epi64(both, 0xD8));
    }
  }

  using FloatShape = TileShape<6, 2, 8>;
  using IntShape = TileShape<4, 2, 4>;
};

}  // namespace

const PanelKernels* avx2_panels() {
  static constexpr PanelKernels kKernels = make_panel_kernels<Avx2Panels>(ActivationForm::kInt16);
  return &kKernels;
}

}  // namespace millrace
#else
namespace millrace {

const PanelKernels* avx2_panels() {
  return nullptr;
}

}  // namespace millrace
#endif
