// Attention over a BF16 cache with products of BF16 pairs (vdpbf16ps): queries and weights are rounded to
// BF16, sums are F32. A score is a sum over pairs of the head's elements in order, a weighted value one over
// pairs of positions, the total of the weights one over the same rounded weights.
//
// For prompts the queries stand in the lanes: keys are then read from the cache as they are, a pair at a time
// for all lanes, and the softmax needs no sums across lanes. Only values are packed, by pairs of positions,
// once per tile for all of a unit's queries.
#include "cpu/attention_kernels.hpp"

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__) && defined(__AVX512DQ__) && \
    defined(__AVX512BF16__)
#include <cstring>

#include "cpu/simd_attention.hpp"
#include "cpu/simd_attention_avx512.hpp"

namespace millrace {
namespace {

using S = Avx512Attention;
constexpr int kLanes = 16;

__m512 dot_pairs(__m512 acc, __m512i a, __m512i b) {
  return _mm512_dpbf16_ps(acc, (__m512bh)a, (__m512bh)b);
}
__m512i pair(const void* p) {
  std::int32_t bits;
  std::memcpy(&bits, p, sizeof bits);
  return _mm512_set1_epi32(bits);
}
// A pair whose second element is 0.
__m512i half_pair(const void* p) {
  std::uint16_t bits;
  std::memcpy(&bits, p, sizeof bits);
  return _mm512_set1_epi32(bits);
}
__m512i load_bits(const void* p) {
  return _mm512_loadu_si512(p);
}

// 2^x for x <= 0, with relative error 1e-4: the weights are rounded to 8 bits afterwards.
__m512 exp2_coarse(__m512 x) {
  const __m512 n = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const __m512 f = _mm512_sub_ps(x, n);
  __m512 p = _mm512_set1_ps(5.500893126e-2F);
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(2.422109678e-1F));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(6.932829281e-1F));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(1.0F));
  return _mm512_scalef_ps(p, n);
}

// Elements [d, d + 32) of a row as pairs, zeros past the head.
__m512i row_pairs(const std::byte* row, int d, int head_dim) {
  const int n = head_dim - d;
  const std::byte* p = row + d * 2;
  return n >= 32 ? load_bits(p) : _mm512_maskz_loadu_epi16((1U << n) - 1U, p);
}

inline __attribute__((always_inline)) void transpose_pairs(__m512i (&x)[kLanes]) {
  __m512 f[kLanes];
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) f[i] = _mm512_castsi512_ps(x[i]);
  S::transpose(f);
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) x[i] = _mm512_castps_si512(f[i]);
}

// Elements [d, d + 32) of a query times scale.
__m512i query_pairs(const float* row, int n, __m512 scale) {
  const __m512 low = n >= kLanes ? S::load(row) : S::load_part(row, n);
  const __m512 high = n >= 2 * kLanes ? S::load(row + kLanes)
                      : n > kLanes    ? S::load_part(row + kLanes, n - kLanes)
                                      : S::zero();
  return (__m512i)_mm512_cvtne2ps_pbh(S::mul(high, scale), S::mul(low, scale));
}

// ---- few: q (queries, width) and weights (queries, 2 * kTilePositions) in BF16, the latter over the scores
// ----

void load_few_pairs(const QueryRows& from, float scale, void* q) {
  const int width = round_up(from.head_dim, kWidthAlignment);
  for (int i = 0; i < from.num_queries; ++i) {
    auto* to = static_cast<std::uint16_t*>(q) + i * width;
    for (int d = 0; d < from.head_dim; d += 32) {
      _mm512_storeu_si512(to + d, query_pairs(query_row(from, i) + d, from.head_dim - d, S::set(scale)));
    }
  }
}

void score_few_pairs(const AttendTile& t) {
  const int width = round_up(t.head_dim, kWidthAlignment);
  const int groups = (t.end - t.begin / kLanes * kLanes + kLanes - 1) / kLanes;
  Fetch fetch(t.next_keys, width / 32 * groups, t.head_dim * 2);
  for (int d = 0; d < t.head_dim; d += 32) {
    for (int j = t.begin / kLanes * kLanes; j < t.end; j += kLanes) {
      __m512i k[kLanes];
#pragma GCC unroll 16
      for (int l = 0; l < kLanes; ++l) k[l] = row_pairs(t.keys[j + l], d, t.head_dim);
      fetch.step();
      transpose_pairs(k);
      for (int i = 0; i < t.num_queries; ++i) {
        const auto* q = static_cast<const std::uint16_t*>(t.q) + i * width + d;
        float* scores = t.scores + i * kTilePositions + j;
        __m512 acc = d == 0 ? S::zero() : S::load(scores);
#pragma GCC unroll 16
        for (int l = 0; l < kLanes; ++l) acc = dot_pairs(acc, pair(q + 2 * l), k[l]);
        S::store(scores, acc);
      }
    }
  }
}

std::uint16_t* weights_few(const AttendTile& t, int query) {
  return reinterpret_cast<std::uint16_t*>(t.scores + query * kTilePositions);
}

// Scores become weights. Returns the factor for what was summed before.
float softmax_few_pairs(const AttendTile& t, int query) {
  const float* scores = t.scores + query * kTilePositions;
  std::uint16_t* weights = weights_few(t, query);
  const __m512 best = best_few<S>(t, query);
  const __m512 base = reference<S>(best);
  const float factor = S::first(exp2<S>(S::sub(S::set(t.states.best[query]), base)));
  t.states.best[query] = S::first(best);
  for (int j = t.begin / kLanes * kLanes; j < t.end; j += kLanes) {
    const __m512 p = exp2_coarse(S::sub(S::load(scores + j), base));
    S::store_half(reinterpret_cast<std::byte*>(weights + j), (__m256i)_mm512_cvtneps_pbh(p));
  }
  const __m128i ones = _mm_set1_epi16(0x3F80);
  __m128 total = _mm_set_ss(t.states.total[query] * factor);
  for (int j = t.begin / 2 * 2; j < t.end; j += 2) {
    total = _mm_dpbf16_ps(total, (__m128bh)_mm512_castsi512_si128(pair(weights + j)), (__m128bh)ones);
  }
  t.states.total[query] = _mm_cvtss_f32(total);
  return factor;
}

// Elements [d, d + 32) of two positions' values as pairs of positions.
void value_pairs(const AttendTile& t, int j, int d, __m512i& low, __m512i& high) {
  const __m512i a = row_pairs(t.values[j], d, t.head_dim), b = row_pairs(t.values[j + 1], d, t.head_dim);
  alignas(64) static constexpr std::uint16_t kLow[32] = {0,  32, 1,  33, 2,  34, 3,  35, 4,  36, 5,
                                                         37, 6,  38, 7,  39, 8,  40, 9,  41, 10, 42,
                                                         11, 43, 12, 44, 13, 45, 14, 46, 15, 47};
  const __m512i low_index = load_bits(kLow);
  const __m512i high_index = _mm512_add_epi16(low_index, _mm512_set1_epi16(16));
  low = _mm512_permutex2var_epi16(a, low_index, b);
  high = _mm512_permutex2var_epi16(a, high_index, b);
}

// sums[i] = sums[i] * factors[i] + sum over j of weight[i][j] * v_j for Q queries and 32 W elements of the
// head.
template <int Q, int W>
void weigh_few_pairs(const AttendTile& t, int query, int d, const float* factors) {
  const int width = round_up(t.head_dim, kWidthAlignment);
  float* sums = t.states.sums + query * width + d;
  __m512 acc[Q][2 * W];
#pragma GCC unroll 8
  for (int i = 0; i < Q; ++i) {
#pragma GCC unroll 8
    for (int c = 0; c < 2 * W; ++c)
      acc[i][c] = S::mul(S::load(sums + i * width + c * kLanes), S::set(factors[i]));
  }
  Fetch fetch(query == 0 && d == 0 ? t.next_values : nullptr, (t.end - t.begin) / 2 + 1, t.head_dim * 2);
  for (int j = t.begin / 2 * 2; j < t.end; j += 2) {
    __m512i v[2 * W];
#pragma GCC unroll 8
    for (int w = 0; w < W; ++w) value_pairs(t, j, d + 32 * w, v[2 * w], v[2 * w + 1]);
    fetch.step();
#pragma GCC unroll 8
    for (int i = 0; i < Q; ++i) {
      const __m512i p = pair(weights_few(t, query + i) + j);
#pragma GCC unroll 8
      for (int c = 0; c < 2 * W; ++c) acc[i][c] = dot_pairs(acc[i][c], p, v[c]);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < Q; ++i) {
#pragma GCC unroll 8
    for (int c = 0; c < 2 * W; ++c) S::store(sums + i * width + c * kLanes, acc[i][c]);
  }
}

template <int Q>
void weigh_queries_pairs(const AttendTile& t, int query, const float* factors) {
  int d = 0;
  for (; d + 64 <= t.head_dim; d += 64) weigh_few_pairs<Q, 2>(t, query, d, factors);
  for (; d < t.head_dim; d += 32) weigh_few_pairs<Q, 1>(t, query, d, factors);
}

void attend_few_pairs(const AttendTile& t) {
  score_few_pairs(t);
  constexpr int kQueries = 4;
  for (int start = 0; start < t.num_queries; start += kQueries) {
    float factors[kQueries];
    const int n = smaller(kQueries, t.num_queries - start);
    for (int i = 0; i < n; ++i) factors[i] = softmax_few_pairs(t, start + i);
    with_vectors<kQueries>(n, [&]<int Q>() { weigh_queries_pairs<Q>(t, start, factors); });
  }
}

// ---- many: q (head_dim / 2, columns) and weights (kTilePositions / 2, columns) in pairs, the latter over
// the scores (kTilePositions, columns) ----

void load_many_pairs(const QueryRows& from, float scale, void* q) {
  const int columns = round_up(from.num_queries, kQueryAlignment);
  for (int i = 0; i < columns; i += kLanes) {
    for (int d = 0; d < from.head_dim; d += 32) {
      __m512i x[kLanes];
      for (int l = 0; l < kLanes; ++l) {
        x[l] = i + l < from.num_queries
                   ? query_pairs(query_row(from, i + l) + d, from.head_dim - d, S::set(scale))
                   : _mm512_setzero_si512();
      }
      transpose_pairs(x);
      for (int l = 0; l < smaller((from.head_dim - d + 1) / 2, kLanes); ++l) {
        _mm512_storeu_si512(static_cast<float*>(q) + (d / 2 + l) * columns + i, x[l]);
      }
    }
  }
}

template <int R, int V>
void score_many_pairs(const AttendTile& t, int row, int column) {
  const int columns = round_up(t.num_queries, kQueryAlignment);
  const float* q = static_cast<const float*>(t.q) + column;
  const std::byte* k[R];
  for (int r = 0; r < R; ++r) k[r] = t.keys[row + r];
  __m512 acc[R][V] = {};
  const auto add = [&](auto load, int d) __attribute__((always_inline)) {
    __m512i x[V];
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) x[v] = load_bits(q + d / 2 * columns + v * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const __m512i elements = load(k[r] + d * 2);
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) acc[r][v] = dot_pairs(acc[r][v], elements, x[v]);
    }
  };
  int d = 0;
  for (; d + 2 <= t.head_dim; d += 2) add(pair, d);
  if (d < t.head_dim) add(half_pair, d);
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) S::store(t.scores + (row + r) * columns + column + v * kLanes, acc[r][v]);
  }
}

__m512 softmax_many_pairs(const AttendTile& t, int column) {
  const int columns = round_up(t.num_queries, kQueryAlignment);
  const __m512 best = best_many<S>(t, column);
  const __m512 base = reference<S>(best);
  const __m512 factor = exp2<S>(S::sub(S::load(t.states.best + column), base));
  S::store(t.states.best + column, best);
  alignas(64) static constexpr std::uint16_t kPairs[32] = {0,  16, 1,  17, 2,  18, 3,  19, 4,  20, 5,
                                                           21, 6,  22, 7,  23, 8,  24, 9,  25, 10, 26,
                                                           11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  const __m512i pairs = load_bits(kPairs), ones = _mm512_set1_epi16(0x3F80);
  __m512 total = S::mul(S::load(t.states.total + column), factor);
  for (int j = first_row(t); j < last_row(t); j += 2) {
    const float* scores = t.scores + j * columns + column;
    const __m512 even = exp2_coarse(S::sub(S::load(scores), base));
    const __m512 odd = exp2_coarse(S::sub(S::load(scores + columns), base));
    const __m512i weights = _mm512_permutexvar_epi16(pairs, (__m512i)_mm512_cvtne2ps_pbh(odd, even));
    _mm512_storeu_si512(t.scores + j / 2 * columns + column, weights);
    total = dot_pairs(total, weights, ones);
  }
  S::store(t.states.total + column, total);
  return factor;
}

// The tile's values as (kTilePositions / 2, width) pairs of positions, into scratch.
void pack_values(const AttendTile& t) {
  const int width = round_up(t.head_dim, kWidthAlignment);
  for (int j = first_row(t); j < last_row(t); j += 2) {
    float* to = t.rows + j / 2 * width;
    for (int d = 0; d < t.head_dim; d += 32) {
      __m512i low, high;
      value_pairs(t, j, d, low, high);
      _mm512_storeu_si512(to + d, low);
      _mm512_storeu_si512(to + d + kLanes, high);
    }
  }
}

// sums[d] = sums[d] * factor + sum over j of v_j[d] * weights[j] for R elements of the head and V vectors.
template <int R, int V>
void weigh_many_pairs(const AttendTile& t, int d, int column, const __m512* factors) {
  const int columns = round_up(t.num_queries, kQueryAlignment);
  const int width = round_up(t.head_dim, kWidthAlignment);
  float* sums = t.states.sums + d * columns + column;
  __m512 acc[R][V];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) acc[r][v] = S::mul(S::load(sums + r * columns + v * kLanes), factors[v]);
  }
  const float* values = t.rows + first_row(t) / 2 * width + d;
  const float* weights = t.scores + first_row(t) / 2 * columns + column;
  for (int j = first_row(t); j < last_row(t); j += 2, values += width, weights += columns) {
    __m512i p[V];
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) p[v] = load_bits(weights + v * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const __m512i elements = pair(values + r);
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) acc[r][v] = dot_pairs(acc[r][v], elements, p[v]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) S::store(sums + r * columns + v * kLanes, acc[r][v]);
  }
}

template <int V>
void attend_columns_pairs(const AttendTile& t, int column) {
  constexpr int kRows = V > 2 ? 4 : 8;
  const int steps = (last_row(t) - first_row(t)) / kRows;
  Fetch next_keys(column == 0 ? t.next_keys : nullptr, steps, t.head_dim * 2);
  Fetch next_values(column == 0 ? t.next_values : nullptr, steps, t.head_dim * 2);
  for (int row = first_row(t); row < last_row(t); row += kRows) {
    score_many_pairs<kRows, V>(t, row, column);
    next_keys.step();
    next_values.step();
  }
  __m512 factors[V];
  for (int v = 0; v < V; ++v) factors[v] = softmax_many_pairs(t, column + v * kLanes);
  // Sums have room for whole groups: width rows.
  for (int d = 0; d < t.head_dim; d += kRows) weigh_many_pairs<kRows, V>(t, d, column, factors);
}

void attend_many_pairs(const AttendTile& t) {
  pack_values(t);
  const int columns = round_up(t.num_queries, kQueryAlignment);
  constexpr int kStep = S::kManyVectors * kLanes;
  for (int column = 0; column < columns; column += kStep) {
    with_vectors<S::kManyVectors>(smaller(kStep, columns - column) / kLanes,
                                  [&]<int V>() { attend_columns_pairs<V>(t, column); });
  }
}

constexpr AttentionKernels make_kernels() {
  AttentionKernels kernels = make_attention<S>();
  kernels.few[2] = {load_few_pairs, attend_few_pairs, merge_few<S>, store_few<S>};
  kernels.many[2] = {load_many_pairs, attend_many_pairs, merge_many<S>, store_many<S>};
  return kernels;
}

}  // namespace

const AttentionKernels* avx512bf16_attention() {
  static constexpr AttentionKernels kKernels = make_kernels();
  return &kKernels;
}

}  // namespace millrace
#else
namespace millrace {

const AttentionKernels* avx512bf16_attention() {
  return nullptr;
}

}  // namespace millrace
#endif
