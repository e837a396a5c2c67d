#include "cpu/logits.hpp"

#if defined(__AVX512F__) && defined(__AVX512DQ__)
// gcc 12 warns of the undefined operands in its own header (GCC bug 105593).
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>

#include "cpu/simd_logits.hpp"

namespace millrace {
namespace {

struct Logits {
  __m512 x;

  static Logits load(const float* p) { return {_mm512_loadu_ps(p)}; }
  static Logits set(float value) { return {_mm512_set1_ps(value)}; }
  void store(float* p) const { _mm512_storeu_ps(p, x); }
  // `b` unless a > b.
  static Logits larger(Logits a, Logits b) { return {_mm512_max_ps(a.x, b.x)}; }
  [[nodiscard]] std::uint32_t at_least(Logits b) const { return _mm512_cmp_ps_mask(x, b.x, _CMP_GE_OQ); }
  [[nodiscard]] std::uint32_t not_at_most(Logits b) const { return _mm512_cmp_ps_mask(x, b.x, _CMP_NLE_UQ); }
  // 0 in the lanes where a > b is false.
  [[nodiscard]] Logits where_above(Logits a, Logits b) const {
    return {_mm512_maskz_mov_ps(_mm512_cmp_ps_mask(a.x, b.x, _CMP_GT_OQ), x)};
  }
  // 2^x for whole x in [-127, 127], where 2^-127 is 0.
  [[nodiscard]] Logits power_of_two() const {
    const __m512i biased = _mm512_add_epi32(_mm512_cvttps_epi32(x), _mm512_set1_epi32(127));
    return {_mm512_castsi512_ps(_mm512_slli_epi32(biased, 23))};
  }
  friend Logits operator+(Logits a, Logits b) { return {_mm512_add_ps(a.x, b.x)}; }
  friend Logits operator-(Logits a, Logits b) { return {_mm512_sub_ps(a.x, b.x)}; }
  friend Logits operator*(Logits a, Logits b) { return {_mm512_mul_ps(a.x, b.x)}; }
};

}  // namespace

const LogitKernels* avx512_logit_kernels() {
  static constexpr LogitKernels kKernels = make_logit_kernels<Logits>();
  return &kKernels;
}

}  // namespace millrace
#else
namespace millrace {

const LogitKernels* avx512_logit_kernels() {
  return nullptr;
}

}  // namespace millrace
#endif
