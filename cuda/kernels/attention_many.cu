// Attention of rows with many tokens: prefill, of a whole prompt or of a piece of it behind a cached prefix.
// A block takes 128 queries of one KV head: consecutive tokens, each with all the query heads that share the
// head. It walks over the positions that they see, a tile at a time: scores on tensor cores, online softmax
// in F32, sums on tensor cores (Dao 2023, "FlashAttention-2", arXiv:2307.08691, algorithm 1). What comes next
// is copied to shared memory meanwhile.
#include <algorithm>

#include "kernels/attention_many_merge.cuh"
#include "kernels/attention_many_tile.cuh"
#include "kernels/attention_many_warp.cuh"
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
  int few_tokens;           // rows of so many are not computed here
  int most_parts;           // of what a block's queries see; gridDim.y
  Vec<float, 4>* partials;  // (units, most_parts, kPartFours)
};

template <int kDim>
constexpr std::int64_t kPartFours =
    std::int64_t{Shape<kDim>::kTiles * Warp<bf16, kDim>::kTileFours} * Shape<kDim>::kThreads;

// A unit, and the positions [first, last) that its queries see, in parts of whole tiles.
struct Work {
  Unit unit;
  int first, last, first_tile, part_tiles, parts;  // 0: there is no such unit
};

template <int kPositions, typename T>
__device__ Work find_work(const Params<T>& many, int index) {
  const AttentionParams<T>& p = many.p;
  const int num_kv_heads = p.kv.num_kv_heads, group = p.num_heads / num_kv_heads;
  const auto tokens_of = [&](int row) { return p.batch.query_starts[row + 1] - p.batch.query_starts[row]; };
  const auto tiles_of = [&](int row) {
    const int tokens = tokens_of(row);
    return tokens <= many.few_tokens ? 0 : (tokens * group + kQueries - 1) / kQueries;
  };
  Work work{};
  const RowItem found = find_item(index / num_kv_heads, p.batch.num_rows, tiles_of);
  if (found.row < 0) return work;
  // A row's last tile sees the most: it begins first.
  const int first_query = (tiles_of(found.row) - 1 - found.index) * kQueries;
  const int tokens = tokens_of(found.row);
  work.unit = {found.row,
               index % num_kv_heads,
               first_query,
               min(kQueries, tokens * group - first_query),
               p.batch.query_starts[found.row],
               tokens,
               p.batch.context_lens[found.row],
               group,
               p.sliding_window};
  work.first = work.unit.visible(0).first;
  work.last = work.unit.visible(work.unit.queries - 1).last;
  work.first_tile = work.first / kPositions;
  const int tiles = (work.last + kPositions - 1) / kPositions - work.first_tile;
  work.part_tiles = max(kLeastPartPositions / kPositions, (tiles + many.most_parts - 1) / many.most_parts);
  work.parts = max(1, (tiles + work.part_tiles - 1) / work.part_tiles);
  return work;
}

template <typename T, int kDim>
__global__ void __launch_bounds__(Shape<kDim>::kThreads, Shape<kDim>::kBlocks) attend_many(Params<T> many) {
  constexpr int kPositions = Shape<kDim>::kPositions;
  auto& shared = block_shared<Shared<T, kDim>>();
  const AttentionParams<T>& p = many.p;
  const Work work = find_work<kPositions>(many, static_cast<int>(blockIdx.x));
  const auto part = static_cast<int>(blockIdx.y);
  if (part >= work.parts) return;
  const Unit& unit = work.unit;
  const int first = work.first;
  const CacheRows cache(p.batch, p.kv, unit.row, unit.kv_head);
  int start = (work.first_tile + part * work.part_tiles) * kPositions;
  const int end = min(work.last, start + work.part_tiles * kPositions);
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
  if (work.parts > 1) {
    state.store(many.partials + (std::int64_t{blockIdx.x} * many.most_parts + part) * kPartFours<kDim>);
    return;
  }
  state.finish(shared);
  __syncwarp();
  write_results(p.out, p.out_stride, unit, shared);
}

// A block for a slice of every unit's results: one for all of them would read for longer than a part takes.
// With two blocks asked for, the compiler takes the registers that the loads need.
template <typename T, int kDim>
__global__ void __launch_bounds__(Shape<kDim>::kThreads, 2) merge_many(Params<T> many) {
  const Work work = find_work<Shape<kDim>::kPositions>(many, static_cast<int>(blockIdx.x));
  if (work.parts <= 1) return;
  merge_slice<T, kDim>(many.partials + std::int64_t{blockIdx.x} * many.most_parts * kPartFours<kDim>,
                       kPartFours<kDim>, work.parts, work.unit, static_cast<int>(blockIdx.y), many.p.out,
                       many.p.out_stride);
}

// Units of work with their parts are not more than blocks that the card runs at once.
int parts_of_units(int units, int multiprocessors) {
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
                       reinterpret_cast<Vec<float, 4>*>(workspace.partials)};
  const Grid grid{static_cast<unsigned>(units), static_cast<unsigned>(many.most_parts)};
  launch(stream, attend_many<T, kDim>, grid, Shape<kDim>::kThreads, sizeof(Shared<T, kDim>), many);
  if (many.most_parts == 1 || params.batch.max_context_tokens <= kLeastPartPositions) return;
  const Grid slices{static_cast<unsigned>(units), kSlices<kDim>};
  launch(stream, merge_many<T, kDim>, slices, Shape<kDim>::kThreads, 0, many);
}

}  // namespace
}  // namespace many

std::int64_t many_partial_bytes(int head_dim, int multiprocessors) {
  std::int64_t fours = 0;
  with_head_width(head_dim, [&](auto width) { fours = many::kPartFours<decltype(width)::value>; });
  return 2 * multiprocessors * fours * static_cast<std::int64_t>(sizeof(Vec<float, 4>));
}

template <typename T>
void launch_many_attention(Stream& stream, const AttentionParams<T>& params) {
  with_head_width(params.kv.head_dim,
                  [&](auto width) { many::launch_of_width<T, decltype(width)::value>(stream, params); });
}

template void launch_many_attention<bf16>(Stream&, const AttentionParams<bf16>&);
template void launch_many_attention<f16>(Stream&, const AttentionParams<f16>&);

}  // namespace millrace::gpu
