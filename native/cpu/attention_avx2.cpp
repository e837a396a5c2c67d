#include "cpu/attention_kernels.hpp"

#if defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
#include "cpu/simd_attention.hpp"
#include "cpu/simd_avx2.hpp"

namespace millrace {
namespace {

struct Avx2Attention : Avx2 {
  static constexpr int kQueries = 2;
  static constexpr int kSumVectors = 4;
  // 4 rows times 3 vectors of sums, the 3 vectors and one element: 16 registers.
  static constexpr int kManyVectors = 3;
  static constexpr int kManyRows = 4;
  static constexpr int kUnitQueries = 96;

  static F select_seen(const std::int32_t* first, const std::int32_t* last, int position, F value, F other) {
    const __m256i at = _mm256_set1_epi32(position);
    const __m256i before =
        _mm256_cmpgt_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(first)), at);
    const __m256i until = _mm256_cmpgt_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(last)), at);
    return _mm256_blendv_ps(other, value, _mm256_castsi256_ps(_mm256_andnot_si256(before, until)));
  }

  static F swap_pairs(F x) { return _mm256_permute_ps(x, 0xB1); }

  static inline __attribute__((always_inline)) void transpose(F (&x)[8]) {
    __m256 a[8], b[8];
#pragma GCC unroll 4
    for (int i = 0; i < 8; i += 2) {
      a[i] = _mm256_unpacklo_ps(x[i], x[i + 1]);
      a[i + 1] = _mm256_unpackhi_ps(x[i], x[i + 1]);
    }
#pragma GCC unroll 2
    for (int q = 0; q < 8; q += 4) {
      b[q] = _mm256_shuffle_ps(a[q], a[q + 2], 0x44);
      b[q + 1] = _mm256_shuffle_ps(a[q], a[q + 2], 0xEE);
      b[q + 2] = _mm256_shuffle_ps(a[q + 1], a[q + 3], 0x44);
      b[q + 3] = _mm256_shuffle_ps(a[q + 1], a[q + 3], 0xEE);
    }
#pragma GCC unroll 4
    for (int c = 0; c < 4; ++c) {
      x[c] = _mm256_permute2f128_ps(b[c], b[4 + c], 0x20);
      x[4 + c] = _mm256_permute2f128_ps(b[c], b[4 + c], 0x31);
    }
  }
};

}  // namespace

const AttentionKernels* avx2_attention() {
  static constexpr AttentionKernels kKernels = make_attention<Avx2Attention>();
  return &kKernels;
}

}  // namespace millrace
#else
namespace millrace {

const AttentionKernels* avx2_attention() {
  return nullptr;
}

}  // namespace millrace
#endif
