// Attention in F32 for one vector type S. A score is a sum over the head's elements in order, a weighted
// value one over the positions in order, each a chain of fused multiply-adds: `few` and `many` differ in what
// stands in the lanes and in nothing that rounds.
#pragma once
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "cpu/attention_kernels.hpp"

namespace millrace {
namespace {

constexpr float kMinusInfinity = -__builtin_inff();
// A score that is not seen. Finite, so that its difference from any best score is a number.
constexpr float kUnseen = -1e30F;

constexpr int round_up(int count, int to) {
  return (count + to - 1) / to * to;
}
constexpr int smaller(int a, int b) {
  return a < b ? a : b;
}

inline float* query_row(const QueryRows& q, int query) {
  return q.rows + query / q.group * q.row_stride + static_cast<std::int64_t>(query % q.group) * q.head_dim;
}

// 2^x, exactly 1 for 0; 0 below -126. A polynomial of 2^f for |f| <= 0.5 with relative error 2e-9.
template <class S>
typename S::F exp2(typename S::F x) {
  using F = typename S::F;
  const F low = S::set(-126.0F);
  const F clamped = S::max(low, x);  // NaN stays
  const F n = S::round(clamped);
  const F f = S::sub(clamped, n);
  F p = S::set(1.535336207e-4F);
  p = S::fma(p, f, S::set(1.339887456e-3F));
  p = S::fma(p, f, S::set(9.618437358e-3F));
  p = S::fma(p, f, S::set(5.550332471e-2F));
  p = S::fma(p, f, S::set(2.402264791e-1F));
  p = S::fma(p, f, S::set(6.931472029e-1F));
  p = S::fma(p, f, S::set(1.0F));
  return S::zero_where_less(x, low, S::mul(p, S::power_of_two(n)));
}

// What exponents are taken relative to: the best score, or 0 while nothing was seen.
template <class S>
typename S::F reference(typename S::F best) {
  return S::zero_where_less(best, S::set(kUnseen), best);
}

// How a row of the cache is read.
template <class S>
struct CacheF32 {
  static constexpr int kBytes = 4;
  static typename S::F load(const std::byte* p) { return S::load(reinterpret_cast<const float*>(p)); }
  static typename S::F load_part(const std::byte* p, int n) {
    return S::load_part(reinterpret_cast<const float*>(p), n);
  }
};

template <class S>
struct CacheF16 {
  static constexpr int kBytes = 2;
  static typename S::F load(const std::byte* p) { return S::load_f16(p); }
  static typename S::F load_part(const std::byte* p, int n) { return S::load_f16_part(p, n); }
};

template <class S>
struct CacheBF16 {
  static constexpr int kBytes = 2;
  static typename S::F load(const std::byte* p) { return S::load_bf16(p); }
  static typename S::F load_part(const std::byte* p, int n) { return S::load_bf16_part(p, n); }
};

// Elements [d, d + lanes) of a row, zeros past the head.
template <class S, class Cache>
typename S::F elements(const std::byte* row, int d, int head_dim) {
  return head_dim - d >= S::kLanes ? Cache::load(row + d * Cache::kBytes)
                                   : Cache::load_part(row + d * Cache::kBytes, head_dim - d);
}

inline __attribute__((always_inline)) void fetch_row(const std::byte* row, int bytes) {
  for (int at = 0; at < bytes; at += 64) _mm_prefetch(reinterpret_cast<const char*>(row + at), _MM_HINT_T0);
}

// Asks for the rows of the next tile, some with each step of a loop over this one: memory is then busy all
// the time. The hardware alone sees too late that rows lie together in blocks.
struct Fetch {
  const std::byte* const* rows;
  int left, per_step, row_bytes;

  Fetch(const std::byte* const* next, int steps, int bytes)
      : rows(next),
        left(next == nullptr ? 0 : kTilePositions),
        per_step(next == nullptr ? 0 : (kTilePositions + steps - 1) / steps),
        row_bytes(bytes) {}
  // Inlined at once: GCC takes a function that only prefetches for one without effect, and drops its calls.
  inline __attribute__((always_inline)) void step() {
    if (left <= 0) return;
    for (int i = 0; i < smaller(per_step, left); ++i) fetch_row(rows[i], row_bytes);
    rows += per_step;
    left -= per_step;
  }
};

// ---- few: q (queries, width), scores (queries, kTilePositions) ----

template <class S>
void load_few(const QueryRows& from, float scale, void* q) {
  const int width = round_up(from.head_dim, kWidthAlignment);
  for (int i = 0; i < from.num_queries; ++i) {
    float* to = static_cast<float*>(q) + i * width;
    for (int d = 0; d < width; d += S::kLanes) {
      const int n = from.head_dim - d;
      const float* row = query_row(from, i) + d;
      const auto x = n >= S::kLanes ? S::load(row) : n > 0 ? S::load_part(row, n) : S::zero();
      S::store(to + d, S::mul(x, S::set(scale)));
    }
  }
}

template <class S, class Cache>
void score_few(const AttendTile& t) {
  const int width = round_up(t.head_dim, kWidthAlignment);
  const int groups = (t.end - t.begin / S::kLanes * S::kLanes + S::kLanes - 1) / S::kLanes;
  Fetch fetch(t.next_keys, (t.head_dim + S::kLanes - 1) / S::kLanes * groups, t.head_dim * Cache::kBytes);
  for (int d = 0; d < t.head_dim; d += S::kLanes) {
    for (int j = t.begin / S::kLanes * S::kLanes; j < t.end; j += S::kLanes) {
      typename S::F k[S::kLanes];
#pragma GCC unroll 16
      for (int l = 0; l < S::kLanes; ++l) k[l] = elements<S, Cache>(t.keys[j + l], d, t.head_dim);
      fetch.step();
      S::transpose(k);
      for (int i = 0; i < t.num_queries; ++i) {
        const float* q = static_cast<const float*>(t.q) + i * width + d;
        float* scores = t.scores + i * kTilePositions + j;
        auto acc = d == 0 ? S::zero() : S::load(scores);
#pragma GCC unroll 16
        for (int l = 0; l < S::kLanes; ++l) acc = S::fma(S::set(q[l]), k[l], acc);
        S::store(scores, acc);
      }
    }
  }
}

// The largest score of query i, unseen ones marked.
template <class S>
typename S::F best_few(const AttendTile& t, int query) {
  float* scores = t.scores + query * kTilePositions;
  auto best = S::set(t.states.best[query]);
  for (int j = t.begin / S::kLanes * S::kLanes; j < t.end; j += S::kLanes) {
    auto s = S::load(scores + j);
    if (t.first == nullptr) {
      best = S::max(s, best);
      continue;
    }
    const int first = t.first[query] - j, last = t.last[query] - j;
    best = S::max(S::select_range(first, last, s, S::set(kMinusInfinity)), best);
    S::store(scores + j, S::select_range(first, last, s, S::set(kUnseen)));
  }
  return S::set(S::largest(best));
}

// Scores become weights. Returns the factor for what was summed before.
template <class S>
float softmax_few(const AttendTile& t, int query) {
  float* scores = t.scores + query * kTilePositions;
  const auto best = best_few<S>(t, query);
  const auto base = reference<S>(best);
  const float factor = S::first(exp2<S>(S::sub(S::set(t.states.best[query]), base)));
  for (int j = t.begin / S::kLanes * S::kLanes; j < t.end; j += S::kLanes) {
    S::store(scores + j, exp2<S>(S::sub(S::load(scores + j), base)));
  }
  t.states.best[query] = S::first(best);
  float total = t.states.total[query] * factor;
  for (int j = t.begin; j < t.end; ++j) total += scores[j];
  t.states.total[query] = total;
  return factor;
}

// sums[i] = sums[i] * factors[i] + sum over j of weight[i][j] * v_j for Q queries and V vectors of the head.
template <class S, class Cache, int Q, int V>
void weigh_few(const AttendTile& t, int query, int d, const float* factors) {
  const int width = round_up(t.head_dim, kWidthAlignment);
  float* sums = t.states.sums + query * width + d;
  const float* weights = t.scores + query * kTilePositions;
  typename S::F acc[Q][V];
#pragma GCC unroll 8
  for (int i = 0; i < Q; ++i) {
#pragma GCC unroll 8
    for (int c = 0; c < V; ++c)
      acc[i][c] = S::mul(S::load(sums + i * width + c * S::kLanes), S::set(factors[i]));
  }
  Fetch fetch(query == 0 && d == 0 ? t.next_values : nullptr, t.end - t.begin, t.head_dim * Cache::kBytes);
  for (int j = t.begin; j < t.end; ++j) {
    typename S::F v[V];
#pragma GCC unroll 8
    for (int c = 0; c < V; ++c) v[c] = elements<S, Cache>(t.values[j], d + c * S::kLanes, t.head_dim);
    fetch.step();
#pragma GCC unroll 8
    for (int i = 0; i < Q; ++i) {
      const auto p = S::set(weights[i * kTilePositions + j]);
#pragma GCC unroll 8
      for (int c = 0; c < V; ++c) acc[i][c] = S::fma(p, v[c], acc[i][c]);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < Q; ++i) {
#pragma GCC unroll 8
    for (int c = 0; c < V; ++c) S::store(sums + i * width + c * S::kLanes, acc[i][c]);
  }
}

template <class S, class Cache, int Q>
void weigh_queries(const AttendTile& t, int query, const float* factors) {
  constexpr int kStep = S::kSumVectors * S::kLanes;
  int d = 0;
  for (; d + kStep <= t.head_dim; d += kStep) weigh_few<S, Cache, Q, S::kSumVectors>(t, query, d, factors);
  for (; d < t.head_dim; d += S::kLanes) weigh_few<S, Cache, Q, 1>(t, query, d, factors);
}

template <class S, class Cache>
void attend_few(const AttendTile& t) {
  score_few<S, Cache>(t);
  constexpr int kQueries = 64;
  float factors[kQueries];
  for (int start = 0; start < t.num_queries; start += kQueries) {
    const int n = smaller(kQueries, t.num_queries - start);
    for (int i = 0; i < n; ++i) factors[i] = softmax_few<S>(t, start + i);
    int i = 0;
    for (; i + S::kQueries <= n; i += S::kQueries)
      weigh_queries<S, Cache, S::kQueries>(t, start + i, factors + i);
    for (; i + 2 <= n; i += 2) weigh_queries<S, Cache, 2>(t, start + i, factors + i);
    for (; i < n; ++i) weigh_queries<S, Cache, 1>(t, start + i, factors + i);
  }
}

// Factors for the earlier states and for the chunk's, and the best of both.
template <class S>
struct Merge {
  typename S::F best, earlier, chunk;
  Merge(typename S::F all_best, typename S::F chunk_best)
      : best(S::max(chunk_best, all_best)),
        earlier(exp2<S>(S::sub(all_best, reference<S>(best)))),
        chunk(exp2<S>(S::sub(chunk_best, reference<S>(best)))) {}
  [[nodiscard]] typename S::F of(const float* all_values, const float* chunk_values) const {
    return S::fma(S::load(chunk_values), chunk, S::mul(S::load(all_values), earlier));
  }
};

template <class S>
void merge_few(const SoftmaxStates& chunk, int num_queries, int head_dim, const SoftmaxStates& all) {
  const int width = round_up(head_dim, kWidthAlignment);
  for (int i = 0; i < num_queries; ++i) {
    const Merge<S> merge(S::set(all.best[i]), S::set(chunk.best[i]));
    all.best[i] = S::first(merge.best);
    all.total[i] =
        S::first(S::fma(S::set(chunk.total[i]), merge.chunk, S::mul(S::set(all.total[i]), merge.earlier)));
    for (int d = i * width; d < (i + 1) * width; d += S::kLanes)
      S::store(all.sums + d, merge.of(all.sums + d, chunk.sums + d));
  }
}

template <class S>
void store_few(const SoftmaxStates& all, const QueryRows& to) {
  const int width = round_up(to.head_dim, kWidthAlignment);
  for (int i = 0; i < to.num_queries; ++i) {
    float* out = query_row(to, i);
    const auto inverse = S::div(S::set(1), S::set(all.total[i]));
    for (int d = 0; d < to.head_dim; d += S::kLanes) {
      const auto x = S::mul(S::load(all.sums + i * width + d), inverse);
      const int n = to.head_dim - d;
      n >= S::kLanes ? S::store(out + d, x) : S::store_part(out + d, x, n);
    }
  }
}

// ---- many: q and sums (head_dim, columns), scores (kTilePositions, columns), a query per column ----

template <class S>
void load_many(const QueryRows& from, float scale, void* q) {
  const int columns = round_up(from.num_queries, kQueryAlignment);
  for (int i = 0; i < columns; i += S::kLanes) {
    for (int d = 0; d < from.head_dim; d += S::kLanes) {
      typename S::F x[S::kLanes];
      const int n = from.head_dim - d;
      for (int l = 0; l < S::kLanes; ++l) {
        if (i + l >= from.num_queries) {
          x[l] = S::zero();
          continue;
        }
        const float* row = query_row(from, i + l) + d;
        x[l] = n >= S::kLanes ? S::load(row) : S::load_part(row, n);
      }
      S::transpose(x);
      for (int l = 0; l < smaller(n, S::kLanes); ++l) {
        S::store(static_cast<float*>(q) + (d + l) * columns + i, S::mul(x[l], S::set(scale)));
      }
    }
  }
}

// Rows of the tile that are computed: whole groups.
constexpr int kRowGroup = 8;
inline int first_row(const AttendTile& t) {
  return t.begin / kRowGroup * kRowGroup;
}
inline int last_row(const AttendTile& t) {
  return round_up(t.end, kRowGroup);
}

// Calls body with the count of vectors (at most kMost) as a constant.
template <int kMost, class Body>
void with_vectors(int count, Body body) {
  if constexpr (kMost > 1) {
    if (count < kMost) return with_vectors<kMost - 1>(count, body);
  }
  body.template operator()<kMost>();
}

template <class S, int R, int V>
void score_many(const AttendTile& t, const float* const* keys, int row, int column) {
  const int columns = round_up(t.num_queries, kQueryAlignment);
  const float* q = static_cast<const float*>(t.q) + column;
  const float* k[R];
  for (int r = 0; r < R; ++r) k[r] = keys[row + r];
  typename S::F acc[R][V] = {};
  for (int d = 0; d < t.head_dim; ++d, q += columns) {
    typename S::F x[V];
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) x[v] = S::load(q + v * S::kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const auto element = S::set(k[r][d]);
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) acc[r][v] = S::fma(element, x[v], acc[r][v]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) S::store(t.scores + (row + r) * columns + column + v * S::kLanes, acc[r][v]);
  }
}

// The largest score of each of a vector's columns, unseen ones marked.
template <class S>
typename S::F best_many(const AttendTile& t, int column) {
  const int columns = round_up(t.num_queries, kQueryAlignment);
  auto best = S::load(t.states.best + column);
  for (int j = first_row(t); j < last_row(t); ++j) {
    float* scores = t.scores + j * columns + column;
    const auto s = S::load(scores);
    if (t.first == nullptr) {
      best = S::max(s, best);
      continue;
    }
    best = S::max(S::select_seen(t.first + column, t.last + column, j, s, S::set(kMinusInfinity)), best);
    S::store(scores, S::select_seen(t.first + column, t.last + column, j, s, S::set(kUnseen)));
  }
  return best;
}

template <class S>
typename S::F softmax_many(const AttendTile& t, int column) {
  const int columns = round_up(t.num_queries, kQueryAlignment);
  const auto best = best_many<S>(t, column);
  const auto base = reference<S>(best);
  const auto factor = exp2<S>(S::sub(S::load(t.states.best + column), base));
  S::store(t.states.best + column, best);
  auto total = S::mul(S::load(t.states.total + column), factor);
  for (int j = first_row(t); j < last_row(t); ++j) {
    float* scores = t.scores + j * columns + column;
    const auto p = exp2<S>(S::sub(S::load(scores), base));
    S::store(scores, p);
    total = S::add(total, p);
  }
  S::store(t.states.total + column, total);
  return factor;
}

// sums[d] = sums[d] * factor + sum over j of v_j[d] * weights[j] for R elements of the head and V vectors.
template <class S, int R, int V>
void weigh_many(const AttendTile& t, const float* const* values, int d, int column,
                const typename S::F* factors) {
  const int columns = round_up(t.num_queries, kQueryAlignment);
  float* sums = t.states.sums + d * columns + column;
  typename S::F acc[R][V];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) acc[r][v] = S::mul(S::load(sums + r * columns + v * S::kLanes), factors[v]);
  }
  for (int j = first_row(t); j < last_row(t); ++j) {
    const float* weights = t.scores + j * columns + column;
    typename S::F p[V];
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) p[v] = S::load(weights + v * S::kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const auto element = S::set(values[j][d + r]);
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) acc[r][v] = S::fma(element, p[v], acc[r][v]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) S::store(sums + r * columns + v * S::kLanes, acc[r][v]);
  }
}

template <class S, int V>
void attend_columns(const AttendTile& t, const float* const* keys, const float* const* values, int column,
                    int row_bytes) {
  constexpr int kRows = V > 2 ? 4 : S::kManyRows;
  const int steps = (last_row(t) - first_row(t)) / kRows;
  Fetch next_keys(column == 0 ? t.next_keys : nullptr, steps, row_bytes);
  Fetch next_values(column == 0 ? t.next_values : nullptr, steps, row_bytes);
  for (int row = first_row(t); row < last_row(t); row += kRows) {
    score_many<S, kRows, V>(t, keys, row, column);
    next_keys.step();
    next_values.step();
  }
  typename S::F factors[V];
  for (int v = 0; v < V; ++v) factors[v] = softmax_many<S>(t, column + v * S::kLanes);
  int d = 0;
  for (; d + kRows <= t.head_dim; d += kRows) weigh_many<S, kRows, V>(t, values, d, column, factors);
  for (; d < t.head_dim; ++d) weigh_many<S, 1, V>(t, values, d, column, factors);
}

// Widens the tile's rows into scratch.
template <class S, class Cache>
void widen_rows(const AttendTile& t, const std::byte* const* rows, float* to, const float** widened) {
  const int width = round_up(t.head_dim, kWidthAlignment);
  for (int j = first_row(t); j < last_row(t); ++j, to += width) {
    for (int d = 0; d < t.head_dim; d += S::kLanes) {
      S::store(to + d, elements<S, Cache>(rows[j], d, t.head_dim));
    }
    widened[j] = to;
  }
}

template <class S, class Cache>
void attend_many(const AttendTile& t) {
  const float *keys[kTilePositions], *values[kTilePositions];
  if constexpr (Cache::kBytes == 4) {
    for (int j = first_row(t); j < last_row(t); ++j) {
      keys[j] = reinterpret_cast<const float*>(t.keys[j]);
      values[j] = reinterpret_cast<const float*>(t.values[j]);
    }
  } else {
    widen_rows<S, Cache>(t, t.keys, t.rows, keys);
    const int width = round_up(t.head_dim, kWidthAlignment);
    widen_rows<S, Cache>(t, t.values, t.rows + kTilePositions * width, values);
  }
  const int columns = round_up(t.num_queries, kQueryAlignment);
  constexpr int kStep = S::kManyVectors * S::kLanes;
  for (int column = 0; column < columns; column += kStep) {
    with_vectors<S::kManyVectors>(smaller(kStep, columns - column) / S::kLanes, [&]<int V>() {
      attend_columns<S, V>(t, keys, values, column, t.head_dim * Cache::kBytes);
    });
  }
}

template <class S>
void merge_many(const SoftmaxStates& chunk, int num_queries, int head_dim, const SoftmaxStates& all) {
  const int columns = round_up(num_queries, kQueryAlignment);
  for (int i = 0; i < columns; i += S::kLanes) {
    const Merge<S> merge(S::load(all.best + i), S::load(chunk.best + i));
    S::store(all.best + i, merge.best);
    S::store(all.total + i, merge.of(all.total + i, chunk.total + i));
    for (int d = i; d < head_dim * columns; d += columns)
      S::store(all.sums + d, merge.of(all.sums + d, chunk.sums + d));
  }
}

template <class S>
void store_many(const SoftmaxStates& all, const QueryRows& to) {
  const int columns = round_up(to.num_queries, kQueryAlignment);
  for (int i = 0; i < columns; i += S::kLanes) {
    const auto inverse = S::div(S::set(1), S::load(all.total + i));
    for (int d = 0; d < to.head_dim; d += S::kLanes) {
      const int n = smaller(S::kLanes, to.head_dim - d);
      typename S::F x[S::kLanes];
      for (int l = 0; l < S::kLanes; ++l) {
        x[l] = l < n ? S::mul(S::load(all.sums + (d + l) * columns + i), inverse) : S::zero();
      }
      S::transpose(x);
      for (int l = 0; l < smaller(S::kLanes, to.num_queries - i); ++l) {
        float* out = query_row(to, i + l) + d;
        n == S::kLanes ? S::store(out, x[l]) : S::store_part(out, x[l], n);
      }
    }
  }
}

// ---- rotation ----

template <class S>
void rotate_halves(const float* cosines, const float* sines, int rotary_dim, float* head) {
  const int pairs = rotary_dim / 2;
  for (int i = 0; i < pairs; i += S::kLanes) {
    const int n = pairs - i;
    const auto load = [n](const float* p) { return n >= S::kLanes ? S::load(p) : S::load_part(p, n); };
    const auto store = [n](float* p, typename S::F x) {
      n >= S::kLanes ? S::store(p, x) : S::store_part(p, x, n);
    };
    const auto a = load(head + i), b = load(head + pairs + i), c = load(cosines + i), s = load(sines + i);
    store(head + i, S::sub(S::mul(a, c), S::mul(b, s)));
    store(head + pairs + i, S::add(S::mul(b, c), S::mul(a, s)));
  }
}

template <class S>
void rotate_pairs(const float* cosines, const float* sines, int rotary_dim, float* head) {
  for (int i = 0; i < rotary_dim; i += S::kLanes) {
    const int n = rotary_dim - i;
    const auto load = [n](const float* p) { return n >= S::kLanes ? S::load(p) : S::load_part(p, n); };
    const auto x = load(head + i);
    const auto turned = S::add(S::mul(x, load(cosines + i)), S::mul(S::swap_pairs(x), load(sines + i)));
    n >= S::kLanes ? S::store(head + i, turned) : S::store_part(head + i, turned, n);
  }
}

template <class S, class Cache>
constexpr AttentionPath few_path() {
  return {load_few<S>, attend_few<S, Cache>, merge_few<S>, store_few<S>};
}

template <class S, class Cache>
constexpr AttentionPath many_path() {
  return {load_many<S>, attend_many<S, Cache>, merge_many<S>, store_many<S>};
}

template <class S>
constexpr AttentionKernels make_attention() {
  return {
      .few = {few_path<S, CacheF32<S>>(), few_path<S, CacheF16<S>>(), few_path<S, CacheBF16<S>>()},
      .many = {many_path<S, CacheF32<S>>(), many_path<S, CacheF16<S>>(), many_path<S, CacheBF16<S>>()},
      .unit_queries = S::kUnitQueries,
      .rotate = {rotate_halves<S>, rotate_pairs<S>},
  };
}

}  // namespace
}  // namespace millrace
