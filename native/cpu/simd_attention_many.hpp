// Attention for many queries: q and sums (head_dim, columns), scores (kTilePositions, columns), a query per
// column.
#pragma once
#include "cpu/simd_attention_common.hpp"

namespace millrace {
namespace {

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

}  // namespace
}  // namespace millrace
