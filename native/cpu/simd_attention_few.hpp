// Attention for few queries: q (queries, width), scores (queries, kTilePositions).
#pragma once
#include "cpu/simd_attention_common.hpp"

namespace millrace {
namespace {

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

}  // namespace
}  // namespace millrace
