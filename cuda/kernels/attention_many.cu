// Attention of rows with many tokens: prefill, of a whole prompt or of a piece of it behind a cached prefix.
// A block takes 128 queries of one KV head: consecutive tokens, each with all the query heads that share the
// head. It walks over the positions that they see, a tile at a time: scores on tensor cores, online softmax
// in F32, sums on tensor cores (Dao 2023, "FlashAttention-2", arXiv:2307.08691, algorithm 1). The next tile
// is copied to shared memory meanwhile.
#include <cmath>

#include "kernels/attention_paths.hpp"
#include "kernels/attention_work.cuh"
#include "platform/matrix_units.hpp"

namespace millrace::gpu {
namespace {

constexpr int kWarps = 4;
constexpr int kThreads = kWarps * kWarpLanes;
// Two tiles of 16 queries for a warp, so that what it reads of keys and values serves both: with one, reading
// shared memory takes as long as the products (sm_80).
constexpr int kTiles = 2;
constexpr int kWarpQueries = kTiles * 16;
constexpr int kQueries = kWarps * kWarpQueries;

template <int kDim>
constexpr int kPositions = kDim <= 64 ? 64 : 32;

// Parts are not shorter, and there are not more of them.
constexpr int kLeastPartPositions = 256, kMostParts = 16;

template <typename T>
struct ManyParams {
  AttentionParams<T> p;
  int few_tokens;   // rows of so many are not computed here
  int most_parts;   // of what a block's queries see; gridDim.y
  float* partials;  // (gridDim.x, most_parts) of WarpState::kPartialFloats for each thread
  int* counters;    // (gridDim.x,) parts that are done
};

// Rows have 16 bytes more than they need: 8 of them, as a load of matrices takes them, then lie in different
// banks.
template <typename T, int kDim>
struct Shared {
  static constexpr int kStride = kDim + 8;
  alignas(16) T q[kQueries][kStride];
  alignas(16) T keys[2][kPositions<kDim>][kStride];
  alignas(16) T values[2][kPositions<kDim>][kStride];
  int done;
};

// The queries of a block.
struct Unit {
  int row, kv_head, first_query, queries;
  int first_token, tokens, context, group, window;

  [[nodiscard]] __device__ Visible visible(int query) const {
    return {first_query + query, group, tokens, context, window};
  }
  template <typename T>
  [[nodiscard]] __device__ T* head(T* rows, std::int64_t stride, int query, int dim) const {
    const int i = first_query + query;
    return rows + (first_token + i / group) * stride + std::int64_t{kv_head * group + i % group} * dim;
  }
};

__device__ inline int warp_of_thread() {
  return static_cast<int>(threadIdx.x) / kWarpLanes;
}

__device__ inline int lane_of_thread() {
  return static_cast<int>(threadIdx.x) % kWarpLanes;
}

template <typename T, int kDim>
__device__ void begin_queries(const AttentionParams<T>& p, const Unit& unit, Shared<T, kDim>& shared) {
  constexpr int kPieces = kDim / 8;
  for (int i = static_cast<int>(threadIdx.x); i < kQueries * kPieces; i += kThreads) {
    const int query = i / kPieces, element = i % kPieces * 8;
    const bool valid = query < unit.queries;
    copy_async_16(&shared.q[query][element], unit.head(p.q, p.q_stride, valid ? query : 0, kDim) + element,
                  valid);
  }
}

// Where a lane's positions of a tile lie in the cache; each warp knows all of a tile.
template <int kDim>
struct TileRows {
  static constexpr int kOfLane = kPositions<kDim> / kWarpLanes;
  int rows[kOfLane];

  __device__ void find(const CacheRows& cache, int start, int first, int end) {
#pragma unroll
    for (int i = 0; i < kOfLane; ++i) {
      const int position = start + i * kWarpLanes + lane_of_thread();
      rows[i] = position >= first && position < end ? cache.at(position) : -1;
    }
  }
  [[nodiscard]] __device__ int at(int i) const {
    int row = __shfl_sync(kFullWarp, rows[0], i % kWarpLanes);
    if constexpr (kOfLane == 2) {
      const int second = __shfl_sync(kFullWarp, rows[1], i % kWarpLanes);
      row = i < kWarpLanes ? row : second;
    }
    return row;
  }
};

// Begins to copy a tile's keys and values. Positions that the cache does not have are zeros.
template <typename T, int kDim>
__device__ void begin_tile(const KvLayer& kv, const TileRows<kDim>& rows, int stage,
                           Shared<T, kDim>& shared) {
  constexpr int kPieces = kDim / 8, kAll = kPositions<kDim> * kPieces;
#pragma unroll
  for (int start = 0; start < kAll; start += kThreads) {
    const int i = start + static_cast<int>(threadIdx.x), position = i / kPieces, element = i % kPieces * 8;
    const int row = rows.at(position);
    if (i >= kAll) continue;
    const std::int64_t from = row < 0 ? 0 : std::int64_t{row} * kDim + element;
    copy_async_16(&shared.keys[stage][position][element], static_cast<const T*>(kv.keys) + from, row >= 0);
    copy_async_16(&shared.values[stage][position][element], static_cast<const T*>(kv.values) + from,
                  row >= 0);
  }
}

// A warp's sums and softmax states. A lane has queries lane / 4 and that + 8 of each tile.
template <typename T, int kDim>
struct WarpState {
  static constexpr int kColumns = kPositions<kDim> / 8;
  float sums[kTiles][kDim / 8][4];
  float best[kTiles][2], total[kTiles][2];
  float scores[kTiles][kColumns][4];

  __device__ void clear() {
#pragma unroll
    for (int t = 0; t < kTiles; ++t) {
#pragma unroll
      for (int i = 0; i < kDim / 8; ++i) {
#pragma unroll
        for (int e = 0; e < 4; ++e) sums[t][i][e] = 0;
      }
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        best[t][half] = -INFINITY;
        total[t][half] = 0;
      }
    }
  }
  __device__ void score(const Shared<T, kDim>& shared, int stage) {
    const int lane = lane_of_thread();
#pragma unroll
    for (int t = 0; t < kTiles; ++t) {
#pragma unroll
      for (int i = 0; i < kColumns; ++i) {
#pragma unroll
        for (int e = 0; e < 4; ++e) scores[t][i][e] = 0;
      }
    }
#pragma unroll
    for (int k = 0; k < kDim; k += 16) {
      std::uint32_t a[kTiles][4];
#pragma unroll
      for (int t = 0; t < kTiles; ++t)
        load_matrices(a[t],
                      &shared.q[warp_of_thread() * kWarpQueries + t * 16 + lane % 16][k + lane / 16 * 8]);
#pragma unroll
      for (int i = 0; i < kColumns; i += 2) {
        std::uint32_t b[4];
        load_matrices(b, &shared.keys[stage][i * 8 + lane / 16 * 8 + lane % 8][k + lane / 8 % 2 * 8]);
        const std::uint32_t left[2] = {b[0], b[1]}, right[2] = {b[2], b[3]};
#pragma unroll
        for (int t = 0; t < kTiles; ++t) {
          multiply_16x8x16<T>(scores[t][i], a[t], left);
          multiply_16x8x16<T>(scores[t][i + 1], a[t], right);
        }
      }
    }
  }
  // Those of positions that a query does not see become -infinity.
  __device__ void mask(const Unit& unit, int start) {
    const int lane = lane_of_thread();
#pragma unroll
    for (int t = 0; t < kTiles; ++t) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const Visible visible = unit.visible(warp_of_thread() * kWarpQueries + t * 16 + half * 8 + lane / 4);
#pragma unroll
        for (int i = 0; i < kColumns; ++i) {
#pragma unroll
          for (int e = 0; e < 2; ++e) {
            const int position = start + i * 8 + lane % 4 * 2 + e;
            float& score = scores[t][i][half * 2 + e];
            score = position >= visible.first && position < visible.last ? score : -INFINITY;
          }
        }
      }
    }
  }
  // Turns scores into weights. `scale` holds log2 e.
  __device__ void soften(float scale) {
#pragma unroll
    for (int t = 0; t < kTiles; ++t) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        float next = -INFINITY;
#pragma unroll
        for (int i = 0; i < kColumns; ++i)
          next = fmaxf(next, fmaxf(scores[t][i][half * 2], scores[t][i][half * 2 + 1]));
#pragma unroll
        for (int distance = 1; distance < 4; distance *= 2)
          next = fmaxf(next, __shfl_xor_sync(kFullWarp, next, distance));
        next = fmaxf(next * scale, best[t][half]);
        const float base = next == -INFINITY ? 0.0F : next;  // nothing seen yet
        const float rescale = exp2_approx(best[t][half] - base);
        best[t][half] = next;
        float sum = 0;
#pragma unroll
        for (int i = 0; i < kColumns; ++i) {
#pragma unroll
          for (int e = half * 2; e < half * 2 + 2; ++e) {
            scores[t][i][e] = exp2_approx(fmaf(scores[t][i][e], scale, -base));
            sum += scores[t][i][e];
          }
        }
        total[t][half] = fmaf(total[t][half], rescale, sum);
#pragma unroll
        for (int i = 0; i < kDim / 8; ++i) {
          sums[t][i][half * 2] *= rescale;
          sums[t][i][half * 2 + 1] *= rescale;
        }
      }
    }
  }
  __device__ void add_values(const Shared<T, kDim>& shared, int stage) {
    const int lane = lane_of_thread();
#pragma unroll
    for (int k = 0; k < kColumns; k += 2) {
      std::uint32_t a[kTiles][4];
#pragma unroll
      for (int t = 0; t < kTiles; ++t) {
#pragma unroll
        for (int part = 0; part < 4; ++part) {
          const float* weights = &scores[t][k + part / 2][part % 2 * 2];
          a[t][part] = pack_pair<T>(weights[0], weights[1]);
        }
      }
#pragma unroll
      for (int i = 0; i < kDim / 8; i += 2) {
        std::uint32_t b[4];
        load_matrices_transposed(b, &shared.values[stage][k * 8 + lane % 16][i * 8 + lane / 16 * 8]);
        const std::uint32_t left[2] = {b[0], b[1]}, right[2] = {b[2], b[3]};
#pragma unroll
        for (int t = 0; t < kTiles; ++t) {
          multiply_16x8x16<T>(sums[t][i], a[t], left);
          multiply_16x8x16<T>(sums[t][i + 1], a[t], right);
        }
      }
    }
  }
  // A thread's part of the state in memory: its floats are kThreads apart, so that a warp's lie together.
  static constexpr int kPartialFloats = kTiles * (kDim / 8 * 4 + 4);
  __device__ void store(float* partial) const {
#pragma unroll
    for (int t = 0; t < kTiles; ++t) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        *partial = best[t][half];
        partial[kThreads] = total[t][half];
        partial += 2 * kThreads;
      }
#pragma unroll
      for (int i = 0; i < kDim / 8; ++i) {
#pragma unroll
        for (int e = 0; e < 4; ++e) {
          *partial = sums[t][i][e];
          partial += kThreads;
        }
      }
    }
  }
  // The states of all parts, which are `stride` floats apart.
  __device__ void merge(const float* partials, std::int64_t stride, int parts) {
    clear();
    constexpr int kTileFloats = kPartialFloats / kTiles;
#pragma unroll
    for (int t = 0; t < kTiles; ++t) {
      const float* of_tile = partials + t * kTileFloats * kThreads;
      for (int part = 0; part < parts; ++part) {
#pragma unroll
        for (int half = 0; half < 2; ++half)
          best[t][half] = fmaxf(best[t][half], of_tile[part * stride + half * 2 * kThreads]);
      }
#pragma unroll 1
      for (int part = 0; part < parts; ++part) {
        const float* from = of_tile + part * stride;
        float factors[2];
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          const float of_part = *from;
          factors[half] = of_part == -INFINITY ? 0.0F : exp2_approx(of_part - best[t][half]);
          total[t][half] = fmaf(from[kThreads], factors[half], total[t][half]);
          from += 2 * kThreads;
        }
#pragma unroll
        for (int i = 0; i < kDim / 8; ++i) {
#pragma unroll
          for (int e = 0; e < 4; ++e)
            sums[t][i][e] = fmaf(from[(i * 4 + e) * kThreads], factors[e / 2], sums[t][i][e]);
        }
      }
    }
  }
  // Into the rows of shared.q that are the warp's own.
  __device__ void finish(Shared<T, kDim>& shared) {
    const int lane = lane_of_thread();
#pragma unroll
    for (int t = 0; t < kTiles; ++t) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        float sum = total[t][half];
#pragma unroll
        for (int distance = 1; distance < 4; distance *= 2) sum += __shfl_xor_sync(kFullWarp, sum, distance);
        const float factor = sum > 0 ? 1 / sum : sum == 0 ? 0.0F : sum;  // NaN goes on
        T* row = shared.q[warp_of_thread() * kWarpQueries + t * 16 + half * 8 + lane / 4];
#pragma unroll
        for (int i = 0; i < kDim / 8; ++i) {
          *reinterpret_cast<std::uint32_t*>(&row[i * 8 + lane % 4 * 2]) =
              pack_pair<T>(sums[t][i][half * 2] * factor, sums[t][i][half * 2 + 1] * factor);
        }
      }
    }
  }
};

template <typename T, int kDim>
__device__ void write_results(const AttentionParams<T>& p, const Unit& unit, const Shared<T, kDim>& shared) {
  constexpr int kPieces = kDim / 8;
  const int first = warp_of_thread() * kWarpQueries;
  for (int i = lane_of_thread(); i < kWarpQueries * kPieces; i += kWarpLanes) {
    const int query = first + i / kPieces, element = i % kPieces * 8;
    if (query >= unit.queries) return;
    *reinterpret_cast<Vec<T, 8>*>(unit.head(p.out, p.out_stride, query, kDim) + element) =
        *reinterpret_cast<const Vec<T, 8>*>(&shared.q[query][element]);
  }
}

template <typename T, int kDim>
__global__ void __launch_bounds__(kThreads, 2) attend_many(ManyParams<T> many) {
  constexpr int kTilePositions = kPositions<kDim>;
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
  const CacheRows cache{p.batch.block_tables + std::int64_t{unit.row} * p.batch.max_blocks, p.kv.block_tokens,
                        num_kv_heads, unit.kv_head};
  const int first = unit.visible(0).first, last = unit.visible(unit.queries - 1).last;
  const int first_tile = first / kTilePositions,
            tiles = (last + kTilePositions - 1) / kTilePositions - first_tile;
  const int part_tiles =
      max(kLeastPartPositions / kTilePositions, (tiles + many.most_parts - 1) / many.most_parts);
  const int parts = max(1, (tiles + part_tiles - 1) / part_tiles), part = static_cast<int>(blockIdx.y);
  if (part >= parts) return;
  int start = (first_tile + part * part_tiles) * kTilePositions;
  const int end = min(last, start + part_tiles * kTilePositions);
  // Tiles [all_from, all_to) are seen whole by every query.
  const int all_from = unit.visible(unit.queries - 1).first, all_to = unit.visible(0).last;
  const int warp_last = unit.visible(min(unit.queries, (warp_of_thread() + 1) * kWarpQueries) - 1).last;

  WarpState<T, kDim> state;
  state.clear();
  TileRows<kDim> rows;
  if (start < end) {
    rows.find(cache, start, first, end);
    begin_queries(p, unit, shared);
    begin_tile(p.kv, rows, 0, shared);
    commit_async();
    rows.find(cache, start + kTilePositions, first, end);
  }
  for (int stage = 0; start < end; start += kTilePositions, stage ^= 1) {
    wait_async<0>();
    __syncthreads();  // the tile is there, and nobody reads the one before it any more
    if (start + kTilePositions < end) {
      begin_tile(p.kv, rows, stage ^ 1, shared);
      commit_async();
      rows.find(cache, start + 2 * kTilePositions, first, end);
    }
    if (start >= warp_last) continue;
    state.score(shared, stage);
    if (start < all_from || start + kTilePositions > all_to) state.mask(unit, start);
    state.soften(p.scale * kLog2E);
    state.add_values(shared, stage);
  }
  if (parts > 1) {
    constexpr std::int64_t kStride = std::int64_t{WarpState<T, kDim>::kPartialFloats} * kThreads;
    float* partials = many.partials + blockIdx.x * many.most_parts * kStride + threadIdx.x;
    state.store(partials + part * kStride);
    // What every thread has written is seen by the block that counts last.
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0) shared.done = atomicAdd(&many.counters[blockIdx.x], 1) + 1;
    __syncthreads();
    if (shared.done != parts) return;
    __threadfence();
    if (threadIdx.x == 0) many.counters[blockIdx.x] = 0;
    state.merge(partials, kStride, parts);
  }
  state.finish(shared);
  __syncwarp();
  write_results(p, unit, shared);
}

// Units of work with their parts are not more than blocks that the card runs at once.
int parts_of_units(int units, int multiprocessors) {
  if (units > kManyCounters) return 1;
  return std::clamp(2 * multiprocessors / units, 1, kMostParts);
}

template <typename T, int kDim>
void launch_of_width(Stream& stream, const AttentionParams<T>& params) {
  const int num_kv_heads = params.kv.num_kv_heads, group = params.num_heads / num_kv_heads;
  // Rows end within a tile: at most one of each is not full.
  const int most_tiles = params.batch.num_tokens * group / kQueries + params.batch.num_rows;
  const int units = most_tiles * num_kv_heads;
  const AttentionWorkspace workspace(params.workspace);
  const ManyParams<T> many{params, few_tokens(group), parts_of_units(units, params.multiprocessors),
                           workspace.partials, workspace.many_counters};
  const Grid grid{static_cast<unsigned>(units), static_cast<unsigned>(many.most_parts)};
  launch(stream, attend_many<T, kDim>, grid, kThreads, sizeof(Shared<T, kDim>), many);
}

}  // namespace

std::int64_t many_partial_bytes(int head_dim, int multiprocessors) {
  const std::int64_t floats = std::int64_t{kQueries} * head_dim + std::int64_t{kThreads} * kTiles * 4;
  return 2 * multiprocessors * floats * static_cast<std::int64_t>(sizeof(float));
}

template <typename T>
void launch_many_attention(Stream& stream, const AttentionParams<T>& params) {
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

template void launch_many_attention<bf16>(Stream&, const AttentionParams<bf16>&);
template void launch_many_attention<f16>(Stream&, const AttentionParams<f16>&);

}  // namespace millrace::gpu
