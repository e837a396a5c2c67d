// Attention of rows with so few tokens that reading the cache is the work: decode. A sequence is cut into
// parts (Dao et al. 2023, "Flash-Decoding"); a block takes a part for a KV head, its warps take 16 positions
// at a time. What a block waits for one after the other is the context's length and the block table, then
// keys and values at once: everything else is asked for meanwhile.
#include <algorithm>

#include "kernels/attention_few_merge.cuh"
#include "kernels/attention_few_warp.cuh"
#include "kernels/attention_paths.hpp"
#include "kernels/attention_widths.hpp"

namespace millrace::gpu {
namespace few {
namespace {

constexpr int kThreads = kWarps * kWarpLanes;
constexpr int kStep = kWarps * kPositions;
constexpr int kMostParts = 64, kLeastParts = 4;

template <typename T>
struct Params {
  AttentionParams<T> p;
  bool one_token_each;   // of every row
  int most_tokens;       // of a row that is computed here
  int group;             // query heads of a KV head
  int sets;              // of queries, for a KV head
  int most_parts;        // of a row
  float parts_of_token;  // 1 / (most_parts * kStep)
  float* partials;       // (num_rows, KV heads, sets, most_parts) of Partial
  int* counters;         // (num_rows, KV heads, sets) parts that are done
};

template <int kDim>
struct Shared {
  Queries<kDim> queries;
  WarpResults<kDim> results;
  int flag;
};

// Positions [first, last) of a sequence that a row's tokens see, in parts of whole steps; the last may be
// shorter. No integer is divided on the way to a block's first load.
struct Parts {
  int first, last, part_tokens;

  __device__ Parts(int context, int tokens, int window, float parts_of_token) {
    first = Visible(0, 1, tokens, context, window).first / kPositions * kPositions;
    last = context;
    // One more than may be needed, so that there are not more parts than the launch has.
    part_tokens = (static_cast<int>(static_cast<float>(last - first) * parts_of_token) + 1) * kStep;
  }
  [[nodiscard]] __device__ bool are_shortest() const { return first == 0 && part_tokens == kStep; }
  [[nodiscard]] __device__ int start(int part) const { return first + part * part_tokens; }
  [[nodiscard]] __device__ bool has(int part) const { return part == 0 || start(part) < last; }
  [[nodiscard]] __device__ int end(int part) const { return min(start(part) + part_tokens, last); }
  [[nodiscard]] __device__ int count() const { return (last - first + part_tokens - 1) / part_tokens; }
  // Of a part, and of all: what blocks count.
  [[nodiscard]] __device__ int steps(int part) const { return (end(part) - start(part) + kStep - 1) / kStep; }
  [[nodiscard]] __device__ int steps() const { return (last - first + kStep - 1) / kStep; }
};

// Which queries a block computes, and over which part.
struct Unit {
  int row, kv_head, set, part;
  int first_token, tokens, context;
  int group;

  [[nodiscard]] __device__ int queries() const { return min(kQueries, tokens * group - set * kQueries); }
  // Element 0 of a query's head, in rows of `stride`.
  template <typename T>
  [[nodiscard]] __device__ T* head(T* rows, std::int64_t stride, int query, int dim) const {
    const int i = set * kQueries + query, token = tokens == 1 ? 0 : i / group;
    return rows + (first_token + token) * stride + std::int64_t{kv_head * group + i - token * group} * dim;
  }
};

template <typename T, int kDim>
__device__ void share_queries(const AttentionParams<T>& p, const Unit& unit, Queries<kDim>& queries) {
  const int warp = static_cast<int>(threadIdx.x) / kWarpLanes;
  const int lane = static_cast<int>(threadIdx.x) % kWarpLanes;
  const bool is_query = lane / 4 < unit.queries();
  const T* from = unit.head(p.q, p.q_stride, is_query ? lane / 4 : 0, kDim);
#pragma unroll
  for (int i = 0; i < kDim / 16; i += kWarps) {
    const int s = i + warp;
    if (s >= kDim / 16) continue;
    Vec<std::uint32_t, 2> words{};
    if (is_query) words = *reinterpret_cast<const Vec<std::uint32_t, 2>*>(from + quarter_of<kDim>(s));
    queries[s][lane] = {{words.at[0], 0, words.at[1], 0}};
  }
}

// Where a lane's first position would lie if parts are as short as they can be: what of the block table is to
// be asked for before the context's length is known. Right for all but long sequences.
struct Guess {
  int position;
  std::uint32_t kv_block = 0;

  __device__ Guess(const CacheRows& cache, int part, int max_blocks)
      : position(part * kStep + static_cast<int>(threadIdx.x) / kWarpLanes * kPositions +
                 static_cast<int>(threadIdx.x) % kPositions) {
    const int index = cache.index(position);
    load_streamed_if<1>(index < max_blocks, &kv_block, cache.table + index);
  }
  [[nodiscard]] __device__ int row(const CacheRows& cache) const {
    return cache.row(static_cast<int>(kv_block), position);
  }
};

// A warp's share of a part's positions.
template <typename T, int kDim>
__device__ void attend_part(const AttentionParams<T>& p, const Unit& unit, const Parts& parts,
                            const CacheRows& cache, const Guess& guess, Queries<kDim>& queries,
                            Warp<T, kDim>& state) {
  const int warp = static_cast<int>(threadIdx.x) / kWarpLanes;
  const int lane = static_cast<int>(threadIdx.x) % kWarpLanes;
  const auto* keys = static_cast<const T*>(p.kv.keys);
  const auto* values = static_cast<const T*>(p.kv.values);
  const int first = Visible(0, 1, unit.tokens, unit.context, p.sliding_window).first;
  int start = parts.start(unit.part) + warp * kPositions;
  const int end = parts.end(unit.part);
  // Where nothing is to be seen, the nearest position's: its weight will be 0.
  const auto row_of = [&](int from) { return cache.at(max(first, min(from + lane % kPositions, end - 1))); };

  // The keys that come next are asked for as soon as those that are there have been used, and so are the
  // values; where they lie, a turn before.
  state.clear();
  int cache_row = 0;
  if (parts.are_shortest()) {
    const int nearest = max(first - start, min(lane % kPositions, end - 1 - start));
    cache_row = __shfl_sync(kFullWarp, guess.row(cache), nearest);
  } else if (start < end) {
    cache_row = row_of(start);
  }
  state.load_keys(start < end, keys, cache_row);
  state.load_values(start < end, values, cache_row);
  if (start + kStep < end) cache_row = row_of(start + kStep);
  share_queries<T, kDim>(p, unit, queries);
  const Visible visible(unit.set * kQueries + lane / 4, unit.group, unit.tokens, unit.context,
                        p.sliding_window);
  __syncthreads();
  for (; start < end; start += kStep) {
    float scores[4];
    state.score(queries, scores);
    state.load_keys(start + kStep < end, keys, cache_row);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int position = start + lane % 4 * 2 + i % 2 + i / 2 * 8;
      const bool is_seen = position >= visible.first && position < visible.last;
      scores[i] = is_seen ? scores[i] * (p.scale * kLog2E) : -INFINITY;
    }
    state.soften(scores);
    state.add_values(scores);
    state.load_values(start + kStep < end, values, cache_row);
    if (start + 2 * kStep < end) cache_row = row_of(start + 2 * kStep);
  }
  state.sum_totals();
}

template <typename T, int kDim>
__global__ void __launch_bounds__(kThreads, kDim <= 128 ? 3 : 2) attend_few(Params<T> few) {
  auto& shared = block_shared<Shared<kDim>>();
  const AttentionParams<T>& p = few.p;
  let_next_kernel_start();
  wait_for_previous_kernel();
  const auto row = static_cast<int>(blockIdx.x), head_set = static_cast<int>(blockIdx.y);
  Unit unit;
  unit.row = row;
  unit.kv_head = few.sets == 1 ? head_set : head_set / few.sets;
  unit.set = head_set - unit.kv_head * few.sets;
  unit.part = static_cast<int>(blockIdx.z);
  unit.first_token = few.one_token_each ? row : p.batch.query_starts[row];
  unit.tokens = few.one_token_each ? 1 : p.batch.query_starts[row + 1] - unit.first_token;
  unit.context = p.batch.context_lens[row];
  unit.group = few.group;
  const CacheRows cache(p.batch, p.kv, row, unit.kv_head);
  const Guess guess(cache, unit.part, p.batch.max_blocks);
  if (unit.tokens == 0 || unit.tokens > few.most_tokens) return;
  const Parts parts(unit.context, unit.tokens, p.sliding_window, few.parts_of_token);
  if (!parts.has(unit.part)) return;

  Warp<T, kDim> state;
  attend_part(p, unit, parts, cache, guess, shared.queries, state);
  share_results(state, shared.results);
  __syncthreads();
  const int queries = unit.queries();
  if (!parts.has(1)) {
    for_pieces<kDim>(queries, [&](int query, int element) {
      merge_warps(shared.results, query, element)
          .write(unit.head(p.out, p.out_stride, query, kDim) + element);
    });
    return;
  }
  const int place = row * p.kv.num_kv_heads * few.sets + head_set;
  auto* partials = reinterpret_cast<Partial<kDim>*>(few.partials) + std::int64_t{place} * few.most_parts;
  for_pieces<kDim>(queries, [&](int query, int element) {
    partials[unit.part].put(query, element, merge_warps(shared.results, query, element));
  });
  if (!ends_last(&few.counters[place], parts.steps(unit.part), parts.steps(), shared.flag)) return;
  const int count = parts.count();
  for_pieces<kDim>(queries, [&](int query, int element) {
    merge_parts(partials, count, query, element).write(unit.head(p.out, p.out_stride, query, kDim) + element);
  });
}

// Parts that a sequence is cut into, at most: with few rows enough to fill the card, with many a few still,
// so that a long sequence is not computed alone at the end.
int parts_of_units(int units, int multiprocessors) {
  if (units > kFewCounters) return 1;
  return std::clamp((2 * multiprocessors + units - 1) / units, kLeastParts, kMostParts);
}

int sets_of(int group) {
  return (group * few_tokens(group) + kQueries - 1) / kQueries;
}

std::int64_t partial_bytes(int head_dim) {
  return std::int64_t{kQueries} * (head_dim + 2) * static_cast<std::int64_t>(sizeof(float));
}

template <typename T, int kDim>
void launch_of_width(Stream& stream, const AttentionParams<T>& params) {
  static_assert(sizeof(Partial<kDim>) == sizeof(float) * kQueries * (kDim + 2));
  const Batch& batch = params.batch;
  const int group = params.num_heads / params.kv.num_kv_heads,
            head_sets = params.kv.num_kv_heads * sets_of(group);
  const AttentionWorkspace workspace(params.workspace);
  const int most_parts = parts_of_units(batch.num_rows * head_sets, params.multiprocessors);
  const Params<T> few{params,
                      batch.num_tokens == batch.num_rows && params.max_query_tokens == 1,
                      few_tokens(group),
                      group,
                      sets_of(group),
                      most_parts,
                      1.0F / static_cast<float>(most_parts * kStep),
                      workspace.partials,
                      workspace.few_counters};
  const Grid grid{static_cast<unsigned>(batch.num_rows), static_cast<unsigned>(head_sets),
                  static_cast<unsigned>(most_parts)};
  launch_early(stream, attend_few<T, kDim>, grid, kThreads, sizeof(Shared<kDim>), few);
}

}  // namespace
}  // namespace few

int few_tokens(int group) {
  return std::max(1, few::kQueries / group);
}

std::int64_t few_partial_bytes(int max_rows, int num_heads, int num_kv_heads, int head_dim,
                               int multiprocessors) {
  const int head_sets = num_kv_heads * few::sets_of(num_heads / num_kv_heads);
  std::int64_t most = 0;
  for (int rows = 1; rows <= max_rows; ++rows) {
    const int units = rows * head_sets, parts = few::parts_of_units(units, multiprocessors);
    if (parts > 1) most = std::max(most, std::int64_t{units} * parts * few::partial_bytes(head_dim));
  }
  return most;
}

template <typename T>
void launch_few_attention(Stream& stream, const AttentionParams<T>& params) {
  with_head_width(params.kv.head_dim,
                  [&](auto width) { few::launch_of_width<T, decltype(width)::value>(stream, params); });
}

template void launch_few_attention<bf16>(Stream&, const AttentionParams<bf16>&);
template void launch_few_attention<f16>(Stream&, const AttentionParams<f16>&);

}  // namespace millrace::gpu
