// How the results of warps, and then of parts, of rows with few tokens become one (attention_few.cu).
#pragma once
#include <cmath>

#include "kernels/attention_few_warp.cuh"
#include "platform/arrival.hpp"

namespace millrace::gpu::few {

constexpr int kWarps = 4;

using State = Vec<float, 2>;  // the best score, and the total of the weights on that base

// The softmax state of a query, with the sums of four elements of its head.
struct Piece {
  float best = -INFINITY, total = 0;
  Vec<float, 4> sums{};

  template <int kCount>
  __device__ void add(const State (&states)[kCount], const Vec<float, 4> (&others)[kCount]) {
    float next = best;
#pragma unroll
    for (int i = 0; i < kCount; ++i) next = fmaxf(next, states[i].at[0]);
    const float base = next == -INFINITY ? 0.0F : next;  // nothing seen yet
    const float rescale = exp2_approx(best - base);
    best = next;
    total *= rescale;
#pragma unroll
    for (int e = 0; e < 4; ++e) sums.at[e] *= rescale;
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      const float factor = exp2_approx(states[i].at[0] - base);
      total = fmaf(states[i].at[1], factor, total);
#pragma unroll
      for (int e = 0; e < 4; ++e) sums.at[e] = fmaf(others[i].at[e], factor, sums.at[e]);
    }
  }
  template <typename T>
  __device__ void write(T* to) const {
    const float factor = inverse_total(total);
    const std::uint64_t low = pack_pair<T>(sums.at[0] * factor, sums.at[1] * factor);
    const std::uint64_t high = pack_pair<T>(sums.at[2] * factor, sums.at[3] * factor);
    *reinterpret_cast<std::uint64_t*>(to) = low | high << 32U;
  }
};

// Calls fn(query, element) for four elements at a time of every query, each by one thread of the block.
template <int kDim, typename Fn>
__device__ void for_pieces(int queries, const Fn& fn) {
#pragma unroll 1
  for (int i = static_cast<int>(threadIdx.x); i < queries * kDim / 4; i += kWarps * kWarpLanes)
    fn(i / (kDim / 4), i % (kDim / 4) * 4);
}

// Pairs of elements lie in the eights that they are of, in an order that depends on the query: else the lanes
// of a column of four, which hold different queries, would write to the same banks.
template <int kDim>
struct WarpResults {
  alignas(16) float sums[kWarps][kQueries][kDim];
  State states[kWarps][kQueries];

  __device__ static int place_of(int query, int element) { return element ^ query / 2 * 2; }
};

template <typename T, int kDim>
__device__ void share_results(const Warp<T, kDim>& state, WarpResults<kDim>& results) {
  const int warp = static_cast<int>(threadIdx.x) / kWarpLanes;
  const int lane = static_cast<int>(threadIdx.x) % kWarpLanes;
  if (lane % 4 == 0) results.states[warp][lane / 4] = {{state.best, state.total}};
#pragma unroll
  for (int c = 0; c < 2; ++c) {
    const int query = lane % 4 * 2 + c;
#pragma unroll
    for (int i = 0; i < kDim / 16; ++i) {
      *reinterpret_cast<Vec<float, 2>*>(
          &results.sums[warp][query][results.place_of(query, eighth_of<kDim>(i))]) = {
          {state.sums[i][c], state.sums[i][c + 2]}};
    }
  }
}

template <int kDim>
__device__ Piece merge_warps(const WarpResults<kDim>& results, int query, int element) {
  State states[kWarps];
  Vec<float, 4> sums[kWarps];
#pragma unroll
  for (int w = 0; w < kWarps; ++w) {
    states[w] = results.states[w][query];
    const int place = results.place_of(query, element);
    const auto four = *reinterpret_cast<const Vec<float, 4>*>(&results.sums[w][query][place / 4 * 4]);
    const bool is_swapped = place % 4 != 0;
#pragma unroll
    for (int e = 0; e < 4; ++e) sums[w].at[e] = is_swapped ? four.at[(e + 2) % 4] : four.at[e];
  }
  Piece piece;
  piece.add(states, sums);
  return piece;
}

// What a block leaves of its part for the one that merges.
template <int kDim>
struct Partial {
  Vec<float, 4> sums[kQueries][kDim / 4];
  State states[kQueries];

  __device__ void put(int query, int element, const Piece& piece) {
    sums[query][element / 4] = piece.sums;
    if (element == 0) states[query] = {{piece.best, piece.total}};
  }
};

// Whether the block is the last to end of those whose `mine` add up to `all`. The counter is zero before and
// after, so that the next launch finds it so. `flag` is of shared memory, and nobody else's meanwhile.
__device__ inline bool ends_last(int* counter, int mine, int all, int& flag) {
  __syncthreads();  // all of the block's threads have written
  if (threadIdx.x == 0) {
    const bool is_last = count_arrival(counter, mine) + mine == all;
    if (is_last) *counter = 0;
    flag = is_last ? 1 : 0;
  }
  __syncthreads();
  return flag == 1;
}

template <int kDim>
__device__ Piece merge_parts(const Partial<kDim>* partials, int parts, int query, int element) {
  constexpr int kAtOnce = 16;  // whose loads are on their way together
  Piece piece;
#pragma unroll 1
  for (int start = 0; start < parts; start += kAtOnce) {
    State states[kAtOnce];
    Vec<float, 4> sums[kAtOnce];
#pragma unroll
    for (int i = 0; i < kAtOnce; ++i) {
      states[i] = {{-INFINITY, 0}};
      sums[i] = {};
      if (start + i >= parts) continue;
      states[i] = partials[start + i].states[query];
      sums[i] = partials[start + i].sums[query][element / 4];
    }
    piece.add(states, sums);
  }
  return piece;
}

}  // namespace millrace::gpu::few
