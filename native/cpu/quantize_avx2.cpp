#include "cpu/quantize_kernels.hpp"

#if defined(__AVX2__)
#include <immintrin.h>

namespace millrace {
namespace {

float largest_magnitude(const float* values, std::int64_t count) {
  __m256i largest = _mm256_setzero_si256();
  const __m256i magnitude = _mm256_set1_epi32(0x7FFFFFFF);
  for (std::int64_t i = 0; i < count; i += 8) {
    const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(values + i));
    largest = _mm256_max_epi32(largest, _mm256_and_si256(bits, magnitude));
  }
  __m128i four = _mm_max_epi32(_mm256_castsi256_si128(largest), _mm256_extracti128_si256(largest, 1));
  four = _mm_max_epi32(four, _mm_shuffle_epi32(four, 0x4E));
  four = _mm_max_epi32(four, _mm_shuffle_epi32(four, 0xB1));
  return _mm_cvtss_f32(_mm_castsi128_ps(four));
}

struct Rounder {
  __m256 inverse, low, high;

  explicit Rounder(Rounding rounding)
      : inverse(_mm256_set1_ps(rounding.inverse)),
        low(_mm256_set1_ps(rounding.low)),
        high(_mm256_set1_ps(rounding.high)) {}
  [[nodiscard]] __m256 round(__m256 values) const {
    const __m256 nearest =
        _mm256_round_ps(_mm256_mul_ps(values, inverse), 0x08);  // to nearest, no exceptions
    return _mm256_min_ps(_mm256_max_ps(nearest, low), high);
  }
};

float sum_in_order(__m256 lanes) {
  float each[8], sum = 0;
  _mm256_storeu_ps(each, lanes);
  for (const float lane : each) sum += lane;
  return sum;
}

GroupSums sums(const float* values, std::int64_t count, Rounding rounding) {
  const Rounder rounder(rounding);
  __m256 products = _mm256_setzero_ps(), squares = _mm256_setzero_ps();
  for (std::int64_t i = 0; i < count; i += 8) {
    const __m256 v = _mm256_loadu_ps(values + i), q = rounder.round(v);
    products = _mm256_add_ps(products, _mm256_mul_ps(v, q));
    squares = _mm256_add_ps(squares, _mm256_mul_ps(q, q));
  }
  return {sum_in_order(products), sum_in_order(squares)};
}

void codes(const float* values, std::int64_t count, Rounding rounding, int offset, std::uint8_t* to) {
  const Rounder rounder(rounding);
  const __m256i add = _mm256_set1_epi32(offset);
  for (std::int64_t i = 0; i < count; i += 8) {
    const __m256i q = _mm256_add_epi32(_mm256_cvtps_epi32(rounder.round(_mm256_loadu_ps(values + i))), add);
    const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(q), _mm256_extracti128_si256(q, 1));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(to + i), _mm_packus_epi16(words, words));
  }
}

}  // namespace

const QuantizeKernels* avx2_quantize_kernels() {
  static constexpr QuantizeKernels kKernels = {largest_magnitude, sums, codes};
  return &kKernels;
}

}  // namespace millrace
#else
namespace millrace {

const QuantizeKernels* avx2_quantize_kernels() {
  return nullptr;
}

}  // namespace millrace
#endif
