// One tile of attention for one vector type S (Avx2, Avx512). What a query computes does not depend on the
// queries beside it: scores sum over the head in lanes as products do, weighted values over positions in
// order.
#pragma once
#include <cstdint>

#include "cpu/kernels.hpp"
#include "cpu/simd_elementwise.hpp"

namespace millrace {
namespace {

// scores[i][j] = q_i . k_j for Q queries and all positions of the tile.
template <class S, int Q>
void score_queries(const float* q, const float* k, int width, float* scores) {
  for (int j = 0; j < kTilePositions; j += 4) {
    typename S::F acc[Q][4] = {};
    accumulate<S, RowF32<S>, Q, 4>(q, width, reinterpret_cast<const std::byte*>(k + j * width), width * 4, 0,
                                   width, acc);
    finish<S, Q, 4>(acc, scores + j, kTilePositions);
  }
}

// Turns a query's scores into exp(score - best), 0 outside its range, and brings its state up to the new
// best.
template <class S>
void softmax_query(const AttendTile& t, int query) {
  using F = typename S::F;
  constexpr int kVectors = kTilePositions / S::kLanes;
  float* scores = t.scores + query * kTilePositions;
  F values[kVectors];
  const F minus_infinity = S::set(-__builtin_inff());
  F largest = S::set(t.best[query]);
  for (int v = 0; v < kVectors; ++v) {
    const F score = S::mul(S::load(scores + v * S::kLanes), S::set(t.scale));
    values[v] =
        S::select_range(t.first[query] - v * S::kLanes, t.last[query] - v * S::kLanes, score, minus_infinity);
    largest = S::max(values[v], largest);
  }
  const float best = S::largest(largest);
  // At first t.best is -infinity, and the factor 0. A query without positions here keeps its state: factor 1.
  const bool sees_nothing = t.first[query] >= t.last[query];
  const F factor = sees_nothing ? S::set(1) : exp<S>(S::set(t.best[query] - best));
  F total = S::zero();
  for (int v = 0; v < kVectors; ++v) {
    const F p = sees_nothing ? S::zero() : exp<S>(S::sub(values[v], S::set(best)));
    S::store(scores + v * S::kLanes, p);
    total = S::add(total, p);
  }
  if (sees_nothing) return;
  t.total[query] = t.total[query] * S::first(factor) + S::sum(total);
  t.best[query] = best;
  float* sums = t.sums + query * t.width;
  for (int d = 0; d < t.width; d += S::kLanes) S::store(sums + d, S::mul(S::load(sums + d), factor));
}

// sums[i] += sum over j of scores[i][j] * v_j, for Q queries and V vectors of the head.
template <class S, int Q, int V>
void weigh_values(const AttendTile& t, int query, int d, int first, int last) {
  typename S::F acc[Q][V];
  float* sums = t.sums + query * t.width + d;
#pragma GCC unroll 8
  for (int i = 0; i < Q; ++i) {
#pragma GCC unroll 8
    for (int c = 0; c < V; ++c) acc[i][c] = S::load(sums + i * t.width + c * S::kLanes);
  }
  const float* scores = t.scores + query * kTilePositions;
  for (int j = first; j < last; ++j) {
    typename S::F v[V];
#pragma GCC unroll 8
    for (int c = 0; c < V; ++c) v[c] = S::load(t.v + j * t.width + d + c * S::kLanes);
#pragma GCC unroll 8
    for (int i = 0; i < Q; ++i) {
      const auto p = S::set(scores[i * kTilePositions + j]);
#pragma GCC unroll 8
      for (int c = 0; c < V; ++c) acc[i][c] = S::fma(p, v[c], acc[i][c]);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < Q; ++i) {
#pragma GCC unroll 8
    for (int c = 0; c < V; ++c) S::store(sums + i * t.width + c * S::kLanes, acc[i][c]);
  }
}

template <class S, int Q>
void attend_queries(const AttendTile& t, int query) {
  int first = kTilePositions, last = 0;
  for (int i = query; i < query + Q; ++i) {
    if (t.first[i] >= t.last[i]) continue;
    first = t.first[i] < first ? t.first[i] : first;
    last = t.last[i] > last ? t.last[i] : last;
  }
  if (first >= last) return;
  score_queries<S, Q>(t.q + query * t.width, t.k, t.width, t.scores + query * kTilePositions);
  for (int i = query; i < query + Q; ++i) softmax_query<S>(t, i);
  int d = 0;
  for (; d + S::kSumVectors * S::kLanes <= t.width; d += S::kSumVectors * S::kLanes) {
    weigh_values<S, Q, S::kSumVectors>(t, query, d, first, last);
  }
  for (; d < t.width; d += S::kLanes) weigh_values<S, Q, 1>(t, query, d, first, last);
}

template <class S>
void attend(const AttendTile& t) {
  int query = 0;
  for (; query + S::kQueries <= t.num_queries; query += S::kQueries) attend_queries<S, S::kQueries>(t, query);
  for (; query < t.num_queries; ++query) attend_queries<S, 1>(t, query);
}

template <class S>
constexpr Kernels make_kernels(Isa isa) {
  return {
      .isa = isa,
      .in_place_rows = {16 * S::kTileRows, 5 * S::kTileRows, 5 * S::kTileRows, 2 * S::kTileRows},
      .tile_rows = S::kTileRows,
      .dots = {dots<S, RowF32<S>>, dots<S, RowF16<S>>, dots<S, RowBF16<S>>, dots<S, RowQ8<S>>},
      .widen = {widen<S, RowF32<S>>, widen<S, RowF16<S>>, widen<S, RowBF16<S>>, widen<S, RowQ8<S>>},
      .narrow = {narrow_f32, narrow_f16<S>, narrow_bf16<S>},
      .rms_norm = rms_norm<S>,
      .gated = {silu_mul<S>, gelu_mul_scalar, gelu_tanh_mul<S>},
      .add = add<S>,
      .attend = attend<S>,
  };
}

}  // namespace
}  // namespace millrace
