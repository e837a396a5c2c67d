// Attention over a BF16 cache with products of BF16 pairs (vdpbf16ps): queries and weights are rounded to
// BF16, sums are F32. The orders of summation are those that are cheap in both layouts:
// - a score is s0 + s1 + s2 + s3, where s_g sums in order over the pairs 4 g to 4 g + 3 of each 16 pairs of
// the
//   head: the four pairs of a 128-bit lane;
// - a weighted value sums in order over pairs of positions;
// - the total of a tile's rounded weights sums over 16 lanes, by halves; lane l has the pairs l and l + 16.
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

// The sum of 16 lanes: first lane l and l + 8, then l + 4, l + 2, l + 1.
float sum_by_halves(__m512 x) {
  const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(x), S::upper_half(x));
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

// Elements [d, d + 32) of a query times scale.
__m512i query_pairs(const float* row, int n, __m512 scale) {
  const __m512 low = n >= kLanes ? S::load(row) : S::load_part(row, n);
  const __m512 high = n >= 2 * kLanes ? S::load(row + kLanes)
                      : n > kLanes    ? S::load_part(row + kLanes, n - kLanes)
                                      : S::zero();
  return (__m512i)_mm512_cvtne2ps_pbh(S::mul(high, scale), S::mul(low, scale));
}

// ---- few: q (queries, width / 32, 4, 16 pairs), weights (queries, 2 * kTilePositions) in BF16 over the
// scores, sums (queries, width) with the elements of the head as weigh_few_pairs leaves them ----

// Of 16 pairs of a query four vectors: the c-th has pair 4 g + c in all of the 128-bit lane g.
void load_few_pairs(const QueryRows& from, float scale, void* q) {
  auto* to = static_cast<std::byte*>(q);
  for (int i = 0; i < from.num_queries; ++i) {
    for (int d = 0; d < from.head_dim; d += 32, to += 256) {
      const __m512i x = query_pairs(query_row(from, i) + d, from.head_dim - d, S::set(scale));
      _mm512_storeu_si512(to, _mm512_shuffle_epi32(x, _MM_PERM_AAAA));
      _mm512_storeu_si512(to + 64, _mm512_shuffle_epi32(x, _MM_PERM_BBBB));
      _mm512_storeu_si512(to + 128, _mm512_shuffle_epi32(x, _MM_PERM_CCCC));
      _mm512_storeu_si512(to + 192, _mm512_shuffle_epi32(x, _MM_PERM_DDDD));
    }
  }
}

// x[c] gets in its 128-bit lane g the pairs 4 g + c of four rows. Nothing crosses lanes: on Zen 5 that halves
// the speed of a shuffle.
inline __attribute__((always_inline)) void transpose_lanes(__m512i (&x)[4]) {
  const __m512i a = _mm512_unpacklo_epi32(x[0], x[1]), b = _mm512_unpackhi_epi32(x[0], x[1]);
  const __m512i c = _mm512_unpacklo_epi32(x[2], x[3]), d = _mm512_unpackhi_epi32(x[2], x[3]);
  x[0] = _mm512_unpacklo_epi64(a, c);
  x[1] = _mm512_unpackhi_epi64(a, c);
  x[2] = _mm512_unpacklo_epi64(b, d);
  x[3] = _mm512_unpackhi_epi64(b, d);
}

// Lane s of the result is the sum of x[s]'s lanes, in order.
__m512 sum_lanes(const __m512 (&x)[4]) {
  const __m512 a = _mm512_shuffle_f32x4(x[0], x[1], 0x44), b = _mm512_shuffle_f32x4(x[0], x[1], 0xEE);
  const __m512 c = _mm512_shuffle_f32x4(x[2], x[3], 0x44), d = _mm512_shuffle_f32x4(x[2], x[3], 0xEE);
  const __m512 low = S::add(_mm512_shuffle_f32x4(a, c, 0x88), _mm512_shuffle_f32x4(a, c, 0xDD));
  return S::add(S::add(low, _mm512_shuffle_f32x4(b, d, 0x88)), _mm512_shuffle_f32x4(b, d, 0xDD));
}

// Elements [d, d + 32) of a row; kWhole: the head's width is a multiple of 32.
template <bool kWhole>
__m512i few_pairs(const std::byte* row, int d, int head_dim) {
  return kWhole ? load_bits(row + d * 2) : row_pairs(row, d, head_dim);
}

template <int Q, bool kWhole>
void score_few_pairs(const AttendTile& t, int query) {
  const int query_bytes = (t.head_dim + 31) / 32 * 256;
  const std::byte* queries = static_cast<const std::byte*>(t.q) + query * query_bytes;
  for (int j = t.begin / kLanes * kLanes; j < t.end; j += kLanes) {
    __m512 acc[Q][4] = {};
    const std::byte* q = queries;
    int ahead = query == 0 ? 0 : kLanes;
    for (int d = 0; d < t.head_dim; d += 32, q += 256) {
#pragma GCC unroll 4
      for (int s = 0; s < 4; ++s) {
        __m512i k[4];
#pragma GCC unroll 4
        for (int r = 0; r < 4; ++r) k[r] = few_pairs<kWhole>(t.keys[j + 4 * s + r], d, t.head_dim);
        if (ahead < kLanes) fetch_row(t.keys[j + ahead++ + kRowsAhead], t.head_dim * 2);
        transpose_lanes(k);
#pragma GCC unroll 4
        for (int c = 0; c < 4; ++c) {
#pragma GCC unroll 4
          for (int i = 0; i < Q; ++i)
            acc[i][s] = dot_pairs(acc[i][s], load_bits(q + i * query_bytes + c * 64), k[c]);
        }
      }
    }
    for (; ahead < kLanes; ++ahead) fetch_row(t.keys[j + ahead + kRowsAhead], t.head_dim * 2);
#pragma GCC unroll 4
    for (int i = 0; i < Q; ++i) S::store(t.scores + (query + i) * kTilePositions + j, sum_lanes(acc[i]));
  }
}

std::uint16_t* weights_few(const AttendTile& t, int query) {
  return reinterpret_cast<std::uint16_t*>(t.scores + query * kTilePositions);
}

// Scores become weights. Returns the factor for what was summed before.
float softmax_few_pairs(const AttendTile& t, int query) {
  const float* scores = t.scores + query * kTilePositions;
  const __m512 best = best_few<S>(t, query);
  const __m512 base = reference<S>(best);
  const float factor = S::first(exp2<S>(S::sub(S::set(t.states.best[query]), base)));
  t.states.best[query] = S::first(best);
  const __m512i ones = _mm512_set1_epi16(0x3F80);
  __m512 sums = S::zero();
  const int first = t.begin / kLanes * kLanes;
  const auto weight = [&](int j) {
    return j >= first && j < t.end ? exp2_coarse(S::sub(S::load(scores + j), base)) : S::zero();
  };
#pragma GCC unroll 2
  for (int j = 0; j < kTilePositions; j += 2 * kLanes) {
    const __m512 low = weight(j), high = weight(j + kLanes);
    const __m512i weights = (__m512i)_mm512_cvtne2ps_pbh(high, low);
    _mm512_storeu_si512(weights_few(t, query) + j, weights);
    sums = dot_pairs(sums, weights, ones);
  }
  t.states.total[query] = t.states.total[query] * factor + sum_by_halves(sums);
  return factor;
}

// sums[i] = sums[i] * factors[i] + sum over j of weight[i][j] * v_j for Q queries and 32 W elements of the
// head.
template <int Q, int W, bool kWhole>
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
  for (int j = t.begin / 2 * 2; j < t.end; j += 2) {
    __m512i v[2 * W];
#pragma GCC unroll 8
    for (int w = 0; w < W; ++w) {
      // Pairs of positions: of each 8 elements the first 4, and the last 4.
      const __m512i a = few_pairs<kWhole>(t.values[j], d + 32 * w, t.head_dim);
      const __m512i b = few_pairs<kWhole>(t.values[j + 1], d + 32 * w, t.head_dim);
      v[2 * w] = _mm512_unpacklo_epi16(a, b);
      v[2 * w + 1] = _mm512_unpackhi_epi16(a, b);
    }
    if (query == 0 && d == 0) {
      fetch_row(t.values[j + kRowsAhead], t.head_dim * 2);
      fetch_row(t.values[j + 1 + kRowsAhead], t.head_dim * 2);
    }
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
  constexpr int kWidth = Q > 2 ? 2 : 4;  // 16 vectors of sums
  int d = 0;
  for (; d + 32 * kWidth <= t.head_dim; d += 32 * kWidth)
    weigh_few_pairs<Q, kWidth, true>(t, query, d, factors);
  for (; d < t.head_dim; d += 32) weigh_few_pairs<Q, 1, false>(t, query, d, factors);
}

// What the loops over a short tile would not ask for, or too late.
void fetch_around_part(const AttendTile& t) {
  for (int j = t.begin; j < smaller(t.end, t.begin + kRowsAhead); ++j) fetch_row(t.values[j], t.head_dim * 2);
  for (int j = 0; j < kRowsAhead; ++j) fetch_row(t.values[kTilePositions + j], t.head_dim * 2);
}

void attend_few_pairs(const AttendTile& t) {
  if (t.end - t.begin < kTilePositions) fetch_around_part(t);
  constexpr int kQueries = 4;
  for (int start = 0; start < t.num_queries; start += kQueries) {
    float factors[kQueries];
    const int n = smaller(kQueries, t.num_queries - start);
    with_vectors<kQueries>(n, [&]<int Q>() {
      t.head_dim % 32 == 0 ? score_few_pairs<Q, true>(t, start) : score_few_pairs<Q, false>(t, start);
      for (int i = 0; i < Q; ++i) factors[i] = softmax_few_pairs(t, start + i);
      weigh_queries_pairs<Q>(t, start, factors);
    });
  }
}

// Puts the elements of the sums back in order.
void store_few_pairs(const SoftmaxStates& all, const QueryRows& to) {
  const int width = round_up(to.head_dim, kWidthAlignment);
  alignas(64) static constexpr std::int32_t kOrder[16] = {0, 1, 2, 3, 16, 17, 18, 19,
                                                          4, 5, 6, 7, 20, 21, 22, 23};
  const __m512i first = load_bits(kOrder), second = _mm512_add_epi32(first, _mm512_set1_epi32(8));
  for (int i = 0; i < to.num_queries; ++i) {
    float* out = query_row(to, i);
    const __m512 inverse = S::div(S::set(1), S::set(all.total[i]));
    for (int d = 0; d < to.head_dim; d += 2 * kLanes) {
      const float* sums = all.sums + i * width + d;
      const __m512 low = S::mul(S::load(sums), inverse), high = S::mul(S::load(sums + kLanes), inverse);
      const __m512 x[2] = {_mm512_permutex2var_ps(low, first, high),
                           _mm512_permutex2var_ps(low, second, high)};
      for (int half = 0; half < 2; ++half) {
        const int n = to.head_dim - d - half * kLanes;
        if (n > 0) S::store_part(out + d + half * kLanes, x[half], smaller(n, kLanes));
      }
    }
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
  __m512 sums[R][V];
#pragma GCC unroll 4
  for (int quarter = 0; quarter < 4; ++quarter) {
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
    int d = 8 * quarter;
    for (; d + 8 <= t.head_dim; d += 32) {
#pragma GCC unroll 4
      for (int c = 0; c < 8; c += 2) add(pair, d + c);
    }
    // At most 7 elements are left of the quarter.
    for (; d + 2 <= t.head_dim; d += 2) add(pair, d);
    if (d < t.head_dim) add(half_pair, d);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) sums[r][v] = quarter == 0 ? acc[r][v] : S::add(sums[r][v], acc[r][v]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) S::store(t.scores + (row + r) * columns + column + v * kLanes, sums[r][v]);
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
  __m512 sums[16] = {};
  for (int j = first_row(t); j < last_row(t); j += 2) {
    const float* scores = t.scores + j * columns + column;
    const __m512 even = exp2_coarse(S::sub(S::load(scores), base));
    const __m512 odd = exp2_coarse(S::sub(S::load(scores + columns), base));
    const __m512i weights = _mm512_permutexvar_epi16(pairs, (__m512i)_mm512_cvtne2ps_pbh(odd, even));
    _mm512_storeu_si512(t.scores + j / 2 * columns + column, weights);
    sums[j / 2 % 16] = dot_pairs(sums[j / 2 % 16], weights, ones);
  }
#pragma GCC unroll 4
  for (int half = 8; half > 0; half /= 2) {
#pragma GCC unroll 8
    for (int l = 0; l < half; ++l) sums[l] = S::add(sums[l], sums[l + half]);
  }
  const __m512 before = S::mul(S::load(t.states.total + column), factor);
  S::store(t.states.total + column, S::add(before, sums[0]));
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
  // Half of the registers are for the sums of whole quarters.
  constexpr int kScoreRows = kRows / 2;
  const int steps = (last_row(t) - first_row(t)) / kScoreRows;
  Fetch next_keys(column == 0 ? t.next_keys : nullptr, steps, t.head_dim * 2);
  Fetch next_values(column == 0 ? t.next_values : nullptr, steps, t.head_dim * 2);
  for (int row = first_row(t); row < last_row(t); row += kScoreRows) {
    score_many_pairs<kScoreRows, V>(t, row, column);
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
  kernels.few[2] = {load_few_pairs, attend_few_pairs, merge_few<S>, store_few_pairs};
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
