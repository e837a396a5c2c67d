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
  alignas(16) T values[Shape<kDim>::kPositions][kStride];
};

// The queries of a block: `first_query` and those after it, of a row's tokens times the heads of a group.
struct Unit {
  int row, kv_head, first_query, queries;
  int first_token, tokens, context, group, window;

  [[nodiscard]] __device__ Visible visible(int query) const {
    return {first_query + query, group, tokens, context, window};
  }
};

// Walks over a block's queries, `step` apart, without a division for each.
struct QueryWalk {
  int query, token, head;

  __device__ QueryWalk(const Unit& unit, int first, int step)
      : query(first),
        token((unit.first_query + first) / unit.group),
        head(unit.first_query + first - token * unit.group),
        step_(step),
        tokens_(step / unit.group),
        heads_(step - tokens_ * unit.group) {}
  __device__ void next(const Unit& unit) {
    query += step_;
    token += tokens_;
    head += heads_;
    if (head < unit.group) return;
    head -= unit.group;
    ++token;
  }
  // Element 0 of the query's head, in rows of `stride`.
  template <typename T>
  [[nodiscard]] __device__ T* at(const Unit& unit, T* rows, std::int64_t stride, int dim) const {
    return rows + (unit.first_token + token) * stride + std::int64_t{unit.kv_head * unit.group + head} * dim;
  }

 private:
  int step_, tokens_, heads_;
};

__device__ inline int warp_of_thread() {
  return static_cast<int>(threadIdx.x) / kWarpLanes;
}

__device__ inline int lane_of_thread() {
  return static_cast<int>(threadIdx.x) % kWarpLanes;
}

// Of how many threads each copies some of a row's pieces of 16 bytes: of all, where that gives each thread
// one of every row that it copies.
template <int kDim>
constexpr int kThreadsOfRow = kWarpLanes % (kDim / 8) == 0 ? kDim / 8 : 4;

template <typename T, int kDim>
__device__ void begin_queries(const T* q, std::int64_t stride, const Unit& unit, Shared<T, kDim>& shared) {
  constexpr int kPieces = kDim / 8, kOfRow = kThreadsOfRow<kDim>, kAtOnce = Shape<kDim>::kThreads / kOfRow;
  const auto thread = static_cast<int>(threadIdx.x);
  QueryWalk walk(unit, thread / kOfRow, kAtOnce);
#pragma unroll 2
  for (int start = 0; start < kQueries; start += kAtOnce) {
    const bool valid = walk.query < unit.queries;
    const T* from = valid ? walk.at(unit, q, stride, kDim) : q;
#pragma unroll
    for (int first = 0; first < kPieces; first += kOfRow) {
      const int piece = first + thread % kOfRow;
      if (piece < kPieces) copy_async_16(&shared.q[walk.query][piece * 8], from + piece * 8, valid);
    }
    walk.next(unit);
  }
}

// A warp's own of what its queries have become, in shared.q.
template <typename T, int kDim>
__device__ void write_results(T* out, std::int64_t stride, const Unit& unit, const Shared<T, kDim>& shared) {
  constexpr int kPieces = kDim / 8, kOfRow = kThreadsOfRow<kDim>, kAtOnce = kWarpLanes / kOfRow;
  constexpr int kWarpQueries = Shape<kDim>::kWarpQueries;
  const int lane = lane_of_thread();
  QueryWalk walk(unit, warp_of_thread() * kWarpQueries + lane / kOfRow, kAtOnce);
#pragma unroll 2
  for (int start = 0; start < kWarpQueries; start += kAtOnce) {
    if (walk.query >= unit.queries) return;
    T* to = walk.at(unit, out, stride, kDim);
#pragma unroll
    for (int first = 0; first < kPieces; first += kOfRow) {
      const int piece = first + lane % kOfRow;
      if (piece >= kPieces) continue;
      *reinterpret_cast<Vec<T, 8>*>(to + piece * 8) =
          *reinterpret_cast<const Vec<T, 8>*>(&shared.q[walk.query][piece * 8]);
    }
    walk.next(unit);
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
  constexpr int kOfRow = kThreadsOfRow<kDim>, kAtOnce = kThreads / kOfRow;
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
