// Attention of rows with many tokens: prefill, of a whole prompt or of a piece of it behind a cached prefix.
// A block takes 128 queries of one KV head: consecutive tokens, each with all the query heads that share the
// head. It walks over the positions that they see, a tile at a time: scores on tensor cores, online softmax
// in F32, sums on tensor cores (Dao 2023, "FlashAttention-2", arXiv:2307.08691, algorithm 1). What comes next
// is copied to shared memory meanwhile.
#include <algorithm>

#include "kernels/attention_many_tile.cuh"
#include "kernels/attention_many_warp.cuh"
#include "kernels/attention_parts.cuh"
#include "kernels/attention_paths.hpp"
#include "kernels/attention_widths.hpp"

namespace millrace::gpu {
namespace many {
namespace {

// Parts are not shorter, and there are not more of them.
constexpr int kLeastPartPositions = 256, kMostParts = 16;

template <typename T>
struct Params {
  AttentionParams<T> p;
  int few_tokens;   // rows of so many are not computed here
  int most_parts;   // of what a block's queries see; gridDim.y
  float* partials;  // (gridDim.x, most_parts) of Warp::kPartialFloats for each thread
  int* counters;    // (gridDim.x,) parts that are done
};

template <typename T, int kDim>
__global__ void __launch_bounds__(Shape<kDim>::kThreads, Shape<kDim>::kBlocks) attend_many(Params<T> many) {
  constexpr int kPositions = Shape<kDim>::kPositions, kThreads = Shape<kDim>::kThreads;
  auto& shared = block_shared<Shared<T, kDim>>();
  const AttentionParams<T>& p = many.p;
  const int num_kv_heads = p.kv.num_kv_heads, group = p.num_heads / num_kv_heads;
  const auto tokens_of = [&](int row) { return p.batch.query_starts[row + 1] - p.batch.query_starts[row]; };
  const auto tiles_of = [&](int row) {
    const int tokens = tokens_of(row);
    return tokens <= many.few_tokens ? 0 : (tokens * group + kQueries - 1) / kQueries;
  };
  const RowItem found = find_item(static_cast<int>(blockIdx.x) / num_kv_heads, p.batch.num_rows, tiles_of);
  if (found.row < 0) return;
  // A row's last tile sees the most: it begins first.
  const int first_query = (tiles_of(found.row) - 1 - found.index) * kQueries;
  const int tokens = tokens_of(found.row);
  const Unit unit{found.row,
                  static_cast<int>(blockIdx.x) % num_kv_heads,
                  first_query,
                  min(kQueries, tokens * group - first_query),
                  p.batch.query_starts[found.row],
                  tokens,
                  p.batch.context_lens[found.row],
                  group,
                  p.sliding_window};
  const CacheRows cache(p.batch, p.kv, unit.row, unit.kv_head);
  const int first = unit.visible(0).first, last = unit.visible(unit.queries - 1).last;
  const int first_tile = first / kPositions, tiles = (last + kPositions - 1) / kPositions - first_tile;
  const int part_tiles =
      max(kLeastPartPositions / kPositions, (tiles + many.most_parts - 1) / many.most_parts);
  const int parts = max(1, (tiles + part_tiles - 1) / part_tiles), part = static_cast<int>(blockIdx.y);
  if (part >= parts) return;
  int start = (first_tile + part * part_tiles) * kPositions;
  const int end = min(last, start + part_tiles * kPositions);
  // Tiles [all_from, all_to) are seen whole by every query.
  const int all_from = unit.visible(unit.queries - 1).first, all_to = unit.visible(0).last;
  const int warp_last =
      unit.visible(min(unit.queries, (warp_of_thread() + 1) * Shape<kDim>::kWarpQueries) - 1).last;

  Warp<T, kDim> state;
  state.clear();
  TileRows<kDim> rows;
  if (start < end) {
    rows.find(cache, start, first, end);
    begin_queries(p.q, p.q_stride, unit, shared);
    begin_tile<kDim>(p.kv.keys, rows, shared.keys);
    commit_async();
  }
  // Values come while scores are computed, and the next keys while values are added up: one tile of each is
  // enough, and two blocks fit on a multiprocessor.
  for (; start < end; start += kPositions) {
    const bool is_seen = start < warp_last, is_more = start + kPositions < end;
    wait_async<0>();
    __syncthreads();  // the keys are there, and nobody reads the values before them any more
    begin_tile<kDim>(p.kv.values, rows, shared.values);
    commit_async();
    if (is_more) rows.find(cache, start + kPositions, first, end);
    if (is_seen) state.score(shared);
    wait_async<0>();
    __syncthreads();  // the values are there, and nobody reads the keys any more
    if (is_more) {
      begin_tile<kDim>(p.kv.keys, rows, shared.keys);
      commit_async();
    }
    if (!is_seen) continue;
    if (start < all_from || start + kPositions > all_to) state.mask(unit, start);
    state.soften(p.scale * kLog2E);
    state.add_values(shared);
  }
  if (parts > 1) {
    constexpr std::int64_t kStride = std::int64_t{Warp<T, kDim>::kPartialFloats} * kThreads;
    float* partials = many.partials + blockIdx.x * many.most_parts * kStride + threadIdx.x;
    state.store(partials + part * kStride);
    if (!ends_last(&many.counters[blockIdx.x], 1, parts, shared.flag)) return;
    state.merge(partials, kStride, parts);
  }
  state.finish(shared);
  __syncwarp();
  write_results(p.out, p.out_stride, unit, shared);
}

// Units of work with their parts are not more than blocks that the card runs at once.
int parts_of_units(int units, int multiprocessors) {
  if (units > kManyCounters) return 1;
  return std::clamp(2 * multiprocessors / units, 1, kMostParts);
}

template <typename T, int kDim>
void launch_of_width(Stream& stream, const AttentionParams<T>& params) {
  static_assert(sizeof(Shared<T, kDim>) <= 99 * 1024 && kQueries % Shape<kDim>::kWarpQueries == 0);
  const int num_kv_heads = params.kv.num_kv_heads, group = params.num_heads / num_kv_heads;
  // Rows end within a tile: at most one of each is not full.
  const int most_tiles = params.batch.num_tokens * group / kQueries + params.batch.num_rows;
  const int units = most_tiles * num_kv_heads;
  const AttentionWorkspace workspace(params.workspace);
  const Params<T> many{params, few_tokens(group), parts_of_units(units, params.multiprocessors),
                       workspace.partials, workspace.many_counters};
  const Grid grid{static_cast<unsigned>(units), static_cast<unsigned>(many.most_parts)};
  launch(stream, attend_many<T, kDim>, grid, Shape<kDim>::kThreads, sizeof(Shared<T, kDim>), many);
}

}  // namespace
}  // namespace many

std::int64_t many_partial_bytes(int head_dim, int multiprocessors) {
  std::int64_t floats = 0;
  with_head_width(head_dim, [&](auto width) {
    constexpr int kDim = decltype(width)::value;
    floats = std::int64_t{many::Warp<bf16, kDim>::kPartialFloats} * many::Shape<kDim>::kThreads;
  });
  return 2 * multiprocessors * floats * static_cast<std::int64_t>(sizeof(float));
}

template <typename T>
void launch_many_attention(Stream& stream, const AttentionParams<T>& params) {
  with_head_width(params.kv.head_dim,
                  [&](auto width) { many::launch_of_width<T, decltype(width)::value>(stream, params); });
}

template void launch_many_attention<bf16>(Stream&, const AttentionParams<bf16>&);
template void launch_many_attention<f16>(Stream&, const AttentionParams<f16>&);

}  // namespace millrace::gpu
