// Attention of rows with so few tokens that reading the cache is the work: decode. A sequence is cut into
// parts (Dao et al. 2023, "Flash-Decoding"); a block takes a part for a KV head, its warps take 16 positions
// at a time, with all the query heads that share them. The last block of a head to end merges the parts, in
// their order.
//
// Everything is the transpose of the usual: scores (positions, queries) = K · Qᵀ and sums (elements, queries)
// = Vᵀ · weights, so that the cache is the operand with 16 rows, and 8 queries fill the other. Which element
// of a head is which row or column of a product is free, and chosen so that a lane loads 16 bytes that lie
// together, straight into registers: nobody else needs them.
#include <algorithm>
#include <cmath>

#include "kernels/attention_paths.hpp"
#include "kernels/attention_work.cuh"
#include "platform/matrix_units.hpp"

namespace millrace::gpu {
namespace {

constexpr int kWarps = 4;
constexpr int kThreads = kWarps * kWarpLanes;
constexpr int kPositions = 16;  // that a warp takes at a time
constexpr int kStep = kWarps * kPositions;
constexpr int kQueries = 8;
constexpr int kMostParts = 64, kLeastParts = 4;

template <typename T>
struct FewParams {
  AttentionParams<T> p;
  int most_tokens;  // of a row that is computed here
  int most_parts;   // of a row
  float* partials;  // (num_rows, KV heads, query sets, most_parts) of Partial
  int* counters;    // (num_rows, KV heads, query sets) parts that are done
};

template <int kDim>
struct Partial {
  float sums[kQueries][kDim];
  float best[kQueries], total[kQueries];
};

template <int kDim>
struct Shared {
  float sums[kWarps][kQueries][kDim + 2];
  float best[kWarps][kQueries], total[kWarps][kQueries];
  float factors[kMostParts][kQueries], totals[kQueries];
  int done;
};

// Positions [first, last) of a sequence that a row's tokens see, in parts.
struct Parts {
  int first, last, part_tokens, count;

  __device__ Parts(int context, int tokens, int window, int most_parts) {
    first = Visible(0, 1, tokens, context, window).first / kPositions * kPositions;
    last = context;
    const int step = most_parts * kStep;
    part_tokens = max(1, (last - first + step - 1) / step) * kStep;
    count = max(1, (last - first + part_tokens - 1) / part_tokens);
  }
};

// The elements of a row of K, or of Q, that a lane of a column of four holds: words 2 s and 2 s + 1 are its
// share of the product's step s.
template <int kDim, typename T>
__device__ void load_quarter(std::uint32_t (&words)[kDim / 8], const T* row, bool valid) {
  const int quarter = static_cast<int>(threadIdx.x) % 4;
  constexpr int kWide = kDim / 32;
#pragma unroll
  for (int i = 0; i < kWide; ++i) {
    Vec<std::uint32_t, 4> loaded{};
    if (valid) loaded = load_streamed(reinterpret_cast<const Vec<std::uint32_t, 4>*>(row + i * 32) + quarter);
#pragma unroll
    for (int w = 0; w < 4; ++w) words[i * 4 + w] = loaded.at[w];
  }
  if constexpr (kDim % 32 != 0) {
    static_assert(kDim % 32 == 16);
    Vec<std::uint32_t, 2> loaded{};
    if (valid) loaded = reinterpret_cast<const Vec<std::uint32_t, 2>*>(row + kWide * 32)[quarter];
    words[kWide * 4] = loaded.at[0];
    words[kWide * 4 + 1] = loaded.at[1];
  }
}

// Of a row of V, the eighth that a lane's group holds: word i is two rows of the products' tile i.
template <int kDim, typename T>
__device__ void load_eighth(std::uint32_t (&words)[kDim / 16], const T* row, bool valid) {
  const int eighth = static_cast<int>(threadIdx.x) % kWarpLanes / 4;
  constexpr int kWide = kDim / 64, kRest = kDim % 64 / 16;
#pragma unroll
  for (int i = 0; i < kWide; ++i) {
    Vec<std::uint32_t, 4> loaded{};
    if (valid) loaded = load_streamed(reinterpret_cast<const Vec<std::uint32_t, 4>*>(row + i * 64) + eighth);
#pragma unroll
    for (int w = 0; w < 4; ++w) words[i * 4 + w] = loaded.at[w];
  }
  if constexpr (kRest != 0) {
    static_assert(kRest == 1 || kRest == 2);
    Vec<std::uint32_t, kRest> loaded{};
    if (valid) loaded = reinterpret_cast<const Vec<std::uint32_t, kRest>*>(row + kWide * 64)[eighth];
#pragma unroll
    for (int w = 0; w < kRest; ++w) words[kWide * 4 + w] = loaded.at[w];
  }
}

// The first of the two elements in word i of load_eighth().
template <int kDim>
__device__ int element_of(int i) {
  const int eighth = static_cast<int>(threadIdx.x) % kWarpLanes / 4;
  constexpr int kWide = kDim / 64, kRest = kDim % 64 / 16;
  if (i < kWide * 4) return i / 4 * 64 + eighth * 8 + i % 4 * 2;
  return kWide * 64 + eighth * kRest * 2 + (i - kWide * 4) * 2;
}

// Which queries a block computes, and over which part.
struct Unit {
  int row, kv_head, set, part;
  int first_token, tokens, context;
  int group;

  [[nodiscard]] __device__ int queries() const { return tokens * group - set * kQueries; }
  // Element 0 of a query's head, in rows of `stride`.
  template <typename T>
  [[nodiscard]] __device__ T* head(T* rows, std::int64_t stride, int query, int dim) const {
    const int i = set * kQueries + query;
    return rows + (first_token + i / group) * stride + std::int64_t{kv_head * group + i % group} * dim;
  }
};

// A warp's keys, values and softmax state. A lane has queries lane % 4 * 2 and the next.
template <typename T, int kDim>
struct WarpState {
  std::uint32_t q[kDim / 8];
  std::uint32_t keys[2][kDim / 8];     // of positions lane / 4 and that + 8
  std::uint32_t values[4][kDim / 16];  // of positions lane % 4 * 2, the next, and those + 8
  float sums[kDim / 16][4];            // two elements, each of two queries
  float best[2], total[2];

  // cache_row is that of position lane % 16 of the 16.
  __device__ void load_keys(const T* rows, int cache_row) {
    const int lane = static_cast<int>(threadIdx.x) % kWarpLanes;
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const int row = __shfl_sync(kFullWarp, cache_row, lane / 4 + i * 8);
      load_quarter<kDim>(keys[i], rows + std::int64_t{row} * kDim, row >= 0);
    }
  }
  __device__ void load_values(const T* rows, int cache_row) {
    const int lane = static_cast<int>(threadIdx.x) % kWarpLanes;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int row = __shfl_sync(kFullWarp, cache_row, lane % 4 * 2 + i % 2 + i / 2 * 8);
      load_eighth<kDim>(values[i], rows + std::int64_t{row} * kDim, row >= 0);
    }
  }
  // (positions, queries)
  __device__ void score(float (&scores)[4]) const {
#pragma unroll
    for (int i = 0; i < 4; ++i) scores[i] = 0;
#pragma unroll
    for (int s = 0; s < kDim / 16; ++s) {
      const std::uint32_t a[4] = {keys[0][2 * s], keys[1][2 * s], keys[0][2 * s + 1], keys[1][2 * s + 1]};
      const std::uint32_t b[2] = {q[2 * s], q[2 * s + 1]};
      multiply_16x8x16<T>(scores, a, b);
    }
  }
  // Turns scores into weights: 0 for those that are -infinity.
  __device__ void soften(float (&scores)[4]) {
#pragma unroll
    for (int c = 0; c < 2; ++c) {
      float next = fmaxf(scores[c], scores[c + 2]);
#pragma unroll
      for (int distance = 4; distance < kWarpLanes; distance *= 2)
        next = fmaxf(next, __shfl_xor_sync(kFullWarp, next, distance));
      next = fmaxf(next, best[c]);
      const float base = next == -INFINITY ? 0.0F : next;  // nothing seen yet
      const float rescale = exp2_approx(best[c] - base);
      best[c] = next;
      scores[c] = exp2_approx(scores[c] - base);
      scores[c + 2] = exp2_approx(scores[c + 2] - base);
      total[c] = total[c] * rescale + (scores[c] + scores[c + 2]);
#pragma unroll
      for (int i = 0; i < kDim / 16; ++i) {
        sums[i][c] *= rescale;
        sums[i][c + 2] *= rescale;
      }
    }
  }
  __device__ void add_values(const float (&weights)[4]) {
    const std::uint32_t b[2] = {transpose_matrix(pack_pair<T>(weights[0], weights[1])),
                                transpose_matrix(pack_pair<T>(weights[2], weights[3]))};
#pragma unroll
    for (int i = 0; i < kDim / 16; ++i) {
      const std::uint32_t a[4] = {
          __byte_perm(values[0][i], values[1][i], 0x5410U), __byte_perm(values[0][i], values[1][i], 0x7632U),
          __byte_perm(values[2][i], values[3][i], 0x5410U), __byte_perm(values[2][i], values[3][i], 0x7632U)};
      multiply_16x8x16<T>(sums[i], a, b);
    }
  }
};

// A warp's share of a part's positions. `total` is of the lane's positions only.
template <typename T, int kDim>
__device__ void attend_part(const AttentionParams<T>& p, const Unit& unit, const Parts& parts,
                            WarpState<T, kDim>& state) {
  const int warp = static_cast<int>(threadIdx.x) / kWarpLanes;
  const int lane = static_cast<int>(threadIdx.x) % kWarpLanes;
  const auto* keys = static_cast<const T*>(p.kv.keys);
  const auto* values = static_cast<const T*>(p.kv.values);
  const CacheRows cache{p.batch.block_tables + std::int64_t{unit.row} * p.batch.max_blocks, p.kv.block_tokens,
                        p.kv.num_kv_heads, unit.kv_head};
  const int query = unit.set * kQueries + lane % 4 * 2;
  const Visible visible[2] = {{query, unit.group, unit.tokens, unit.context, p.sliding_window},
                              {query + 1, unit.group, unit.tokens, unit.context, p.sliding_window}};
  const int first = Visible(0, 1, unit.tokens, unit.context, p.sliding_window).first;
  int start = parts.first + unit.part * parts.part_tokens + warp * kPositions;
  const int end = min(parts.first + (unit.part + 1) * parts.part_tokens, parts.last);
  const auto row_of = [&](int from) {
    const int position = from + lane % kPositions;
    return position >= first && position < end ? cache.at(position) : -1;
  };

  const bool is_query = lane / 4 < unit.queries();
  load_quarter<kDim>(state.q, unit.head(p.q, p.q_stride, is_query ? lane / 4 : 0, kDim), is_query);
#pragma unroll
  for (int c = 0; c < 2; ++c) {
    state.best[c] = -INFINITY;
    state.total[c] = 0;
  }
#pragma unroll
  for (int i = 0; i < kDim / 16; ++i) {
#pragma unroll
    for (int c = 0; c < 4; ++c) state.sums[i][c] = 0;
  }
  // The keys that come next are asked for as soon as those that are there have been used, and so are the
  // values; where they lie, a turn before.
  int cache_row = row_of(start);
  state.load_keys(keys, cache_row);
  state.load_values(values, cache_row);
  cache_row = row_of(start + kStep);
  for (; start < end; start += kStep) {
    float scores[4];
    state.score(scores);
    state.load_keys(keys, cache_row);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int position = start + lane / 4 + i / 2 * 8;
      const bool is_seen = position >= visible[i % 2].first && position < visible[i % 2].last;
      scores[i] = is_seen ? scores[i] * (p.scale * kLog2E) : -INFINITY;
    }
    state.soften(scores);
    state.add_values(scores);
    state.load_values(values, cache_row);
    cache_row = row_of(start + 2 * kStep);
  }
#pragma unroll
  for (int c = 0; c < 2; ++c) {
#pragma unroll
    for (int distance = 4; distance < kWarpLanes; distance *= 2)
      state.total[c] += __shfl_xor_sync(kFullWarp, state.total[c], distance);
  }
}

// Brings the warps' states to one base, into shared memory.
template <typename T, int kDim>
__device__ void share_state(const WarpState<T, kDim>& state, Shared<kDim>& shared) {
  const int warp = static_cast<int>(threadIdx.x) / kWarpLanes;
  const int lane = static_cast<int>(threadIdx.x) % kWarpLanes;
  const int query = lane % 4 * 2;
  if (lane < 4) {
#pragma unroll
    for (int c = 0; c < 2; ++c) {
      shared.best[warp][query + c] = state.best[c];
      shared.total[warp][query + c] = state.total[c];
    }
  }
  __syncthreads();
#pragma unroll
  for (int c = 0; c < 2; ++c) {
    float best = -INFINITY;
#pragma unroll
    for (int w = 0; w < kWarps; ++w) best = fmaxf(best, shared.best[w][query + c]);
    const float factor = best == -INFINITY ? 0.0F : exp2_approx(state.best[c] - best);
#pragma unroll
    for (int i = 0; i < kDim / 16; ++i) {
      auto* to = &shared.sums[warp][query + c][element_of<kDim>(i)];
      *reinterpret_cast<Vec<float, 2>*>(to) = {{state.sums[i][c] * factor, state.sums[i][c + 2] * factor}};
    }
  }
  __syncthreads();
}

// Of a query: the best score of all warps, and the sum of their totals on that base.
template <int kDim>
__device__ void merge_totals(const Shared<kDim>& shared, int query, float& best, float& total) {
  best = -INFINITY;
  total = 0;
#pragma unroll
  for (int w = 0; w < kWarps; ++w) best = fmaxf(best, shared.best[w][query]);
  if (best == -INFINITY) return;
#pragma unroll
  for (int w = 0; w < kWarps; ++w)
    total = fmaf(shared.total[w][query], exp2_approx(shared.best[w][query] - best), total);
}

// Calls fn(query, element, sums) for four elements at a time of every query.
template <int kDim, typename Fn>
__device__ void for_sums(const Shared<kDim>& shared, int queries, const Fn& fn) {
  for (int i = static_cast<int>(threadIdx.x); i < queries * kDim / 4; i += kThreads) {
    const int query = i / (kDim / 4), element = i % (kDim / 4) * 4;
    Vec<float, 4> sums{};
#pragma unroll
    for (int w = 0; w < kWarps; ++w) {
#pragma unroll
      for (int e = 0; e < 4; ++e) sums.at[e] += shared.sums[w][query][element + e];
    }
    fn(query, element, sums);
  }
}

template <typename T>
__device__ void write_result(T* to, const Vec<float, 4>& sums, float total) {
  const float factor = total > 0 ? 1 / total : total == 0 ? 0.0F : total;  // NaN goes on
  Vec<T, 4> result;
#pragma unroll
  for (int e = 0; e < 4; ++e) result.at[e] = from_float<T>(sums.at[e] * factor);
  *reinterpret_cast<Vec<T, 4>*>(to) = result;
}

template <typename T, int kDim>
__device__ void write_partial(const Shared<kDim>& shared, int queries, Partial<kDim>& partial) {
  for_sums(shared, queries, [&](int query, int element, const Vec<float, 4>& sums) {
    *reinterpret_cast<Vec<float, 4>*>(&partial.sums[query][element]) = sums;
  });
  const auto query = static_cast<int>(threadIdx.x);
  if (query < queries) merge_totals(shared, query, partial.best[query], partial.total[query]);
}

// Merges the parts of a unit's queries, in their order.
template <typename T, int kDim>
__device__ void merge_parts(const AttentionParams<T>& p, const Unit& unit, int queries, int parts,
                            const Partial<kDim>* partials, Shared<kDim>& shared) {
  const auto thread = static_cast<int>(threadIdx.x);
  for (int i = thread; i < parts * queries; i += kThreads)
    shared.factors[i / queries][i % queries] = partials[i / queries].best[i % queries];
  __syncthreads();
  if (thread < queries) {
    float best = -INFINITY, total = 0;
    for (int part = 0; part < parts; ++part) best = fmaxf(best, shared.factors[part][thread]);
    for (int part = 0; part < parts; ++part) {
      const float of_part = shared.factors[part][thread];
      const float factor = of_part == -INFINITY ? 0.0F : exp2_approx(of_part - best);
      shared.factors[part][thread] = factor;
      total = fmaf(partials[part].total[thread], factor, total);
    }
    shared.totals[thread] = total;
  }
  __syncthreads();
  for (int i = thread; i < queries * kDim / 4; i += kThreads) {
    const int query = i / (kDim / 4), element = i % (kDim / 4) * 4;
    Vec<float, 4> sums{};
#pragma unroll 8
    for (int part = 0; part < parts; ++part) {
      const auto of_part = *reinterpret_cast<const Vec<float, 4>*>(&partials[part].sums[query][element]);
#pragma unroll
      for (int e = 0; e < 4; ++e) sums.at[e] = fmaf(of_part.at[e], shared.factors[part][query], sums.at[e]);
    }
    write_result(unit.head(p.out, p.out_stride, query, kDim) + element, sums, shared.totals[query]);
  }
}

template <typename T, int kDim>
__global__ void __launch_bounds__(kThreads, 3) attend_few(FewParams<T> few) {
  auto& shared = block_shared<Shared<kDim>>();
  const AttentionParams<T>& p = few.p;
  const int num_kv_heads = p.kv.num_kv_heads, group = p.num_heads / num_kv_heads;
  const int sets = (group * few.most_tokens + kQueries - 1) / kQueries;
  const auto tokens_of = [&](int row) { return p.batch.query_starts[row + 1] - p.batch.query_starts[row]; };
  const auto items_of = [&](int row) {
    const int tokens = tokens_of(row);
    if (tokens == 0 || tokens > few.most_tokens) return 0;
    const Parts parts(p.batch.context_lens[row], tokens, p.sliding_window, few.most_parts);
    return parts.count * num_kv_heads * sets;
  };
  for (auto item = static_cast<int>(blockIdx.x);; item += static_cast<int>(gridDim.x)) {
    const RowItem found = find_item(item, p.batch.num_rows, items_of);
    if (found.row < 0) return;
    const int head_set = found.index % (num_kv_heads * sets);
    const Unit unit{found.row,
                    head_set / sets,
                    head_set % sets,
                    found.index / (num_kv_heads * sets),
                    p.batch.query_starts[found.row],
                    tokens_of(found.row),
                    p.batch.context_lens[found.row],
                    group};
    const Parts parts(unit.context, unit.tokens, p.sliding_window, few.most_parts);
    const int queries = min(kQueries, unit.queries());
    WarpState<T, kDim> state;
    attend_part(p, unit, parts, state);
    share_state(state, shared);
    if (parts.count == 1) {
      for_sums(shared, queries, [&](int query, int element, const Vec<float, 4>& sums) {
        float best, total;
        merge_totals(shared, query, best, total);
        write_result(unit.head(p.out, p.out_stride, query, kDim) + element, sums, total);
      });
    } else {
      const int place = unit.row * num_kv_heads * sets + head_set;
      auto* partials = reinterpret_cast<Partial<kDim>*>(few.partials) + std::int64_t{place} * few.most_parts;
      write_partial<T>(shared, queries, partials[unit.part]);
      // What every thread has written is seen by the block that counts last.
      __threadfence();
      __syncthreads();
      if (threadIdx.x == 0) shared.done = atomicAdd(&few.counters[place], 1) + 1;
      __syncthreads();
      if (shared.done == parts.count) {
        __threadfence();
        if (threadIdx.x == 0) few.counters[place] = 0;
        merge_parts(p, unit, queries, parts.count, partials, shared);
      }
    }
    __syncthreads();
  }
}

// Parts that a sequence is cut into, at most: with few rows enough to fill the card, with many a few still,
// so that a long sequence is not computed alone at the end.
int parts_of_units(int units, int multiprocessors) {
  if (units > kFewCounters) return 1;
  return std::clamp((2 * multiprocessors + units - 1) / units, kLeastParts, kMostParts);
}

int units_of(int num_rows, int num_heads, int num_kv_heads) {
  const int group = num_heads / num_kv_heads;
  return num_rows * num_kv_heads * ((group * few_tokens(group) + kQueries - 1) / kQueries);
}

std::int64_t partial_bytes(int head_dim) {
  return std::int64_t{kQueries} * (head_dim + 2) * static_cast<std::int64_t>(sizeof(float));
}

template <typename T, int kDim>
void launch_of_width(Stream& stream, const AttentionParams<T>& params) {
  constexpr unsigned kBlocks = 3;  // of a multiprocessor
  static_assert(sizeof(Partial<kDim>) == sizeof(float) * kQueries * (kDim + 2));
  const int num_kv_heads = params.kv.num_kv_heads;
  const int units = units_of(params.batch.num_rows, params.num_heads, num_kv_heads);
  const AttentionWorkspace workspace(params.workspace);
  const FewParams<T> few{params, few_tokens(params.num_heads / num_kv_heads),
                         parts_of_units(units, params.multiprocessors), workspace.partials,
                         workspace.few_counters};
  const auto most = static_cast<unsigned>(units * few.most_parts);
  const unsigned blocks = std::min(kBlocks * static_cast<unsigned>(params.multiprocessors), most);
  launch(stream, attend_few<T, kDim>, {blocks}, kThreads, sizeof(Shared<kDim>), few);
}

}  // namespace

int few_tokens(int group) {
  return std::max(1, kQueries / group);
}

std::int64_t few_partial_bytes(int max_rows, int num_heads, int num_kv_heads, int head_dim,
                               int multiprocessors) {
  std::int64_t most = 0;
  for (int rows = 1; rows <= max_rows; ++rows) {
    const std::int64_t units = units_of(rows, num_heads, num_kv_heads);
    const int parts = parts_of_units(static_cast<int>(units), multiprocessors);
    if (parts > 1) most = std::max(most, units * parts * partial_bytes(head_dim));
  }
  return most;
}

template <typename T>
void launch_few_attention(Stream& stream, const AttentionParams<T>& params) {
  switch (params.kv.head_dim) {
    case 64:
      return launch_of_width<T, 64>(stream, params);
    case 80:
      return launch_of_width<T, 80>(stream, params);
    case 96:
      return launch_of_width<T, 96>(stream, params);
    default:
      return launch_of_width<T, 128>(stream, params);
  }
}

template void launch_few_attention<bf16>(Stream&, const AttentionParams<bf16>&);
template void launch_few_attention<f16>(Stream&, const AttentionParams<f16>&);

}  // namespace millrace::gpu
