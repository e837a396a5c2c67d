// What a block of prefill attention (attention_many.cu) has in shared memory, and how it gets there: 128
// queries, and a tile of keys and values.
#pragma once
#include "kernels/attention_work.cuh"
#include "platform/float_types.hpp"

namespace millrace::gpu::many {

constexpr int kQueries = 128;

// How a block's work is shared out for heads of a width, by what fits into registers and into the 99 KB of
// shared memory that a block may have on sm_86.
template <int kDim>
struct Shape {
  // 16 queries each, of a warp. With two, what a warp reads of keys and values serves both: with one, reading
  // shared memory takes as long as the products, or longer.
  static constexpr int kTiles = kDim <= 128 ? 2 : 1;
  static constexpr int kWarpQueries = kTiles * 16;
  static constexpr int kThreads = kQueries / kWarpQueries * kWarpLanes;
  static constexpr int kPositions = kDim <= 128 ? 64 : 32;  // of keys and values at a time
  static constexpr int kBlocks = kDim <= 128 ? 2 : 1;       // that a multiprocessor has registers for
};

// Rows have 16 bytes more than they need: 8 of them, as a load of matrices takes them, then lie in different
// banks.
template <typename T, int kDim>
struct Shared {
  static constexpr int kStride = kDim + 8;
  alignas(16) T q[kQueries][kStride];
  alignas(16) T keys[Shape<kDim>::kPositions][kStride];
  union {
    alignas(16) T values[Shape<kDim>::kPositions][kStride];
    int flag;  // when the values are not needed any more
  };
};

// The queries of a block: `first_query` and those after it, of a row's tokens times the heads of a group.
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
__device__ void begin_queries(const T* q, std::int64_t stride, const Unit& unit, Shared<T, kDim>& shared) {
  constexpr int kPieces = kDim / 8;
  for (int i = static_cast<int>(threadIdx.x); i < kQueries * kPieces; i += Shape<kDim>::kThreads) {
    const int query = i / kPieces, element = i % kPieces * 8;
    const bool valid = query < unit.queries;
    copy_async_16(&shared.q[query][element], unit.head(q, stride, valid ? query : 0, kDim) + element, valid);
  }
}

// Where a lane's positions of a tile lie in the cache; each warp knows all of a tile. -1 where the queries
// see none.
template <int kDim>
struct TileRows {
  static constexpr int kOfLane = Shape<kDim>::kPositions / kWarpLanes;
  int rows[kOfLane];

  __device__ void find(const CacheRows& cache, int start, int first, int end) {
#pragma unroll
    for (int i = 0; i < kOfLane; ++i) {
      const int position = start + i * kWarpLanes + lane_of_thread();
      rows[i] = position >= first && position < end ? cache.at(position) : -1;
    }
  }
};

// Begins to copy a tile of keys, or of values; zeros where there is none.
template <int kDim, typename T>
__device__ void begin_tile(const void* cache, const TileRows<kDim>& rows,
                           T (&tile)[Shape<kDim>::kPositions][kDim + 8]) {
  constexpr int kPieces = kDim / 8, kPositions = Shape<kDim>::kPositions, kThreads = Shape<kDim>::kThreads;
  const auto thread = static_cast<int>(threadIdx.x);
  const auto begin = [&](int position, int element, int row) {
    const T* from = static_cast<const T*>(cache) + std::int64_t{max(row, 0)} * kDim + element;
    copy_async_16(&tile[position][element], from, row >= 0);
  };
  // A thread has the same pieces of every row that it copies: one address, and offsets that are known. Where
  // rows are not shared out evenly, four threads take one.
  constexpr int kOfRow = kThreads % kPieces == 0 ? kPieces : 4, kAtOnce = kThreads / kOfRow;
  static_assert(kWarpLanes % kAtOnce == 0);
#pragma unroll
  for (int start = 0; start < kPositions; start += kAtOnce) {
    const int position = thread / kOfRow;
    const int row = __shfl_sync(kFullWarp, rows.rows[start / kWarpLanes], start % kWarpLanes + position);
#pragma unroll
    for (int first = 0; first < kPieces; first += kOfRow) {
      const int piece = first + thread % kOfRow;
      if (piece < kPieces) begin(start + position, piece * 8, row);
    }
  }
}

}  // namespace millrace::gpu::many
