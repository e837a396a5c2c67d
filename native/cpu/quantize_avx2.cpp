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

  [[nodiscard]] __m256 round(__m256 values) const {
    const __m256 nearest =
        _mm256_round_ps(_mm256_mul_ps(values, inverse), 0x08);  // to nearest, no exceptions
    return _mm256_min_ps(_mm256_max_ps(nearest, low), high);
  }
};

// Lane c of the result: the lanes of from[c], added in order.
__m256 sums_in_order(const __m256* from) {
  __m256 pairs[8], fours[8];
  for (int i = 0; i < 8; i += 2) {
    pairs[i] = _mm256_unpacklo_ps(from[i], from[i + 1]);
    pairs[i + 1] = _mm256_unpackhi_ps(from[i], from[i + 1]);
  }
  for (int i = 0; i < 8; i += 4) {
    fours[i] = _mm256_shuffle_ps(pairs[i], pairs[i + 2], 0x44);
    fours[i + 1] = _mm256_shuffle_ps(pairs[i], pairs[i + 2], 0xEE);
    fours[i + 2] = _mm256_shuffle_ps(pairs[i + 1], pairs[i + 3], 0x44);
    fours[i + 3] = _mm256_shuffle_ps(pairs[i + 1], pairs[i + 3], 0xEE);
  }
  __m256 sum = _mm256_setzero_ps();
  for (int i = 0; i < 4; ++i) sum = _mm256_add_ps(sum, _mm256_permute2f128_ps(fours[i], fours[i + 4], 0x20));
  for (int i = 0; i < 4; ++i) sum = _mm256_add_ps(sum, _mm256_permute2f128_ps(fours[i], fours[i + 4], 0x31));
  return sum;
}

// For candidates [first, first + 4): more would not stay in registers.
void add_up(const float* values, std::int64_t count, const float* inverses, int first, __m256* products,
            __m256* squares) {
  __m256 p[4], s[4], inverse[4];
  for (int c = 0; c < 4; ++c) {
    p[c] = s[c] = _mm256_setzero_ps();
    inverse[c] = _mm256_broadcast_ss(inverses + first + c);
  }
  const __m256 low = _mm256_set1_ps(-8), high = _mm256_set1_ps(7);
  for (std::int64_t i = 0; i < count; i += 8) {
    const __m256 v = _mm256_loadu_ps(values + i);
    for (int c = 0; c < 4; ++c) {
      const __m256 q = Rounder{inverse[c], low, high}.round(v);
      p[c] = _mm256_add_ps(p[c], _mm256_mul_ps(v, q));
      s[c] = _mm256_add_ps(s[c], _mm256_mul_ps(q, q));
    }
  }
  for (int c = 0; c < 4; ++c) {
    products[first + c] = p[c];
    squares[first + c] = s[c];
  }
}

GroupFit fit(const float* values, std::int64_t count, const float* steps) {
  const __m256 step = _mm256_loadu_ps(steps), zero = _mm256_setzero_ps();
  const __m256 magnitude = _mm256_andnot_ps(_mm256_set1_ps(-0.0F), step);
  const __m256 finite = _mm256_cmp_ps(magnitude, _mm256_set1_ps(0x1p-126F), _CMP_GE_OQ);
  float inverses[kCandidates], scales[kCandidates], errors[kCandidates];
  _mm256_storeu_ps(inverses, _mm256_and_ps(_mm256_div_ps(_mm256_set1_ps(1), step), finite));
  __m256 each_products[kCandidates], each_squares[kCandidates];
  add_up(values, count, inverses, 0, each_products, each_squares);
  add_up(values, count, inverses, 4, each_products, each_squares);
  const __m256 products = sums_in_order(each_products), squares = sums_in_order(each_squares);
  const __m256 exact =
      _mm256_and_ps(_mm256_div_ps(products, squares), _mm256_cmp_ps(squares, zero, _CMP_NEQ_OQ));
  const __m256 scale = _mm256_cvtph_ps(_mm256_cvtps_ph(exact, _MM_FROUND_TO_NEAREST_INT));
  const __m256 twice = _mm256_mul_ps(_mm256_set1_ps(2), products);
  _mm256_storeu_ps(scales, scale);
  _mm256_storeu_ps(errors, _mm256_mul_ps(scale, _mm256_sub_ps(_mm256_mul_ps(scale, squares), twice)));
  GroupFit best;
  float least = 0;
  for (int c = 0; c < kCandidates; ++c) {
    if (!(errors[c] < least)) continue;
    least = errors[c];
    best.scale = scales[c];
    best.rounding.inverse = inverses[c];
  }
  return best;
}

void codes(const float* values, std::int64_t count, Rounding rounding, int offset, std::uint8_t* to) {
  const Rounder rounder{_mm256_set1_ps(rounding.inverse), _mm256_set1_ps(rounding.low),
                        _mm256_set1_ps(rounding.high)};
  const __m256i add = _mm256_set1_epi32(offset);
  for (std::int64_t i = 0; i < count; i += 8) {
    const __m256i q = _mm256_add_epi32(_mm256_cvtps_epi32(rounder.round(_mm256_loadu_ps(values + i))), add);
    const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(q), _mm256_extracti128_si256(q, 1));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(to + i), _mm_packus_epi16(words, words));
  }
}

}  // namespace

const QuantizeKernels* avx2_quantize_kernels() {
  static constexpr QuantizeKernels kKernels = {largest_magnitude, fit, codes};
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
