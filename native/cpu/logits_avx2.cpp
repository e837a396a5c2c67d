#include "cpu/logits.hpp"

#if defined(__AVX2__)
#include <immintrin.h>

#include "cpu/simd_logits.hpp"

namespace millrace {
namespace {

struct Logits {
  __m256 low, high;

  static Logits load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
  static Logits set(float value) { return {_mm256_set1_ps(value), _mm256_set1_ps(value)}; }
  void store(float* p) const {
    _mm256_storeu_ps(p, low);
    _mm256_storeu_ps(p + 8, high);
  }
  // `b` unless a > b.
  static Logits larger(Logits a, Logits b) {
    return {_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)};
  }
  static std::uint32_t bits(__m256 l, __m256 h) {
    return static_cast<std::uint32_t>(_mm256_movemask_ps(l)) |
           static_cast<std::uint32_t>(_mm256_movemask_ps(h)) << 8;
  }
  [[nodiscard]] std::uint32_t at_least(Logits b) const {
    return bits(_mm256_cmp_ps(low, b.low, _CMP_GE_OQ), _mm256_cmp_ps(high, b.high, _CMP_GE_OQ));
  }
  [[nodiscard]] std::uint32_t not_at_most(Logits b) const {
    return bits(_mm256_cmp_ps(low, b.low, _CMP_NLE_UQ), _mm256_cmp_ps(high, b.high, _CMP_NLE_UQ));
  }
  // 0 in the lanes where a > b is false.
  [[nodiscard]] Logits where_above(Logits a, Logits b) const {
    return {_mm256_and_ps(_mm256_cmp_ps(a.low, b.low, _CMP_GT_OQ), low),
            _mm256_and_ps(_mm256_cmp_ps(a.high, b.high, _CMP_GT_OQ), high)};
  }
  static __m256 power_of_two(__m256 n) {
    const __m256i biased = _mm256_add_epi32(_mm256_cvttps_epi32(n), _mm256_set1_epi32(127));
    return _mm256_castsi256_ps(_mm256_slli_epi32(biased, 23));
  }
  // 2^x for whole x in [-127, 127], where 2^-127 is 0.
  [[nodiscard]] Logits power_of_two() const { return {power_of_two(low), power_of_two(high)}; }
  friend Logits operator+(Logits a, Logits b) {
    return {_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)};
  }
  friend Logits operator-(Logits a, Logits b) {
    return {_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)};
  }
  friend Logits operator*(Logits a, Logits b) {
    return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)};
  }
};

}  // namespace

const LogitKernels* avx2_logit_kernels() {
  static constexpr LogitKernels kKernels = make_logit_kernels<Logits>();
  return &kKernels;
}

}  // namespace millrace
#else
namespace millrace {

const LogitKernels* avx2_logit_kernels() {
  return nullptr;
}

}  // namespace millrace
#endif
