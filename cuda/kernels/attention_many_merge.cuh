// How the states of a unit's parts (attention_many.cu) become the result.
#pragma once
#include "kernels/attention_many_warp.cuh"

namespace millrace::gpu::many {

// What a block merges: of a tile of queries of each warp, so many columns of eight elements.
constexpr int kSliceColumns = 2;
template <int kDim>
constexpr int kSlices = Shape<kDim>::kTiles * kDim / 8 / kSliceColumns;

// By as many threads as have written the parts, which are `stride` fours apart; each has what it would have
// had in registers.
template <typename T, int kDim>
__device__ void merge_slice(const Vec<float, 4>* fours, std::int64_t stride, int parts, const Unit& unit,
                            int slice, T* out, std::int64_t out_stride) {
  using Layout = Warp<T, kDim>;
  using Four = Vec<float, 4>;
  constexpr int kAtOnce = 8;  // parts whose loads are on their way together
  const int lane = lane_of_thread(), t = slice % Layout::kTiles;
  const int column = slice / Layout::kTiles * kSliceColumns;
  fours += t * Layout::kTileFours * Layout::kThreads + threadIdx.x;
  float best[2] = {-INFINITY, -INFINITY}, total[2] = {}, sums[kSliceColumns][4] = {};
#pragma unroll 1
  for (int start = 0; start < parts; start += kAtOnce) {
    Four states[kAtOnce], others[kAtOnce][kSliceColumns];
#pragma unroll
    for (int i = 0; i < kAtOnce; ++i) {
      const Four* from = fours + min(start + i, parts - 1) * stride;
      states[i] = *from;
#pragma unroll
      for (int c = 0; c < kSliceColumns; ++c) others[i][c] = from[(1 + column + c) * Layout::kThreads];
    }
#pragma unroll
    for (int i = 0; i < kAtOnce; ++i) {
      if (start + i >= parts) states[i].at[0] = states[i].at[1] = -INFINITY;
    }
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float next = best[half];
#pragma unroll
      for (int i = 0; i < kAtOnce; ++i) next = fmaxf(next, states[i].at[half]);
      const float base = next == -INFINITY ? 0.0F : next;  // nothing seen yet
      const float rescale = exp2_approx(best[half] - base);
      best[half] = next;
      total[half] *= rescale;
#pragma unroll
      for (int c = 0; c < kSliceColumns; ++c) {
        sums[c][half * 2] *= rescale;
        sums[c][half * 2 + 1] *= rescale;
      }
#pragma unroll
      for (int i = 0; i < kAtOnce; ++i) {
        const float factor = exp2_approx(states[i].at[half] - base);
        total[half] = fmaf(states[i].at[2 + half], factor, total[half]);
#pragma unroll
        for (int c = 0; c < kSliceColumns; ++c) {
#pragma unroll
          for (int e = half * 2; e < half * 2 + 2; ++e)
            sums[c][e] = fmaf(others[i][c].at[e], factor, sums[c][e]);
        }
      }
    }
  }
#pragma unroll
  for (int half = 0; half < 2; ++half) {
#pragma unroll
    for (int distance = 1; distance < 4; distance *= 2)
      total[half] += __shfl_xor_sync(kFullWarp, total[half], distance);
    const int query = warp_of_thread() * Layout::kWarpQueries + t * 16 + half * 8 + lane / 4;
    if (query >= unit.queries) continue;
    const float factor = inverse_total(total[half]);
    T* to = QueryWalk(unit, query, 1).at(unit, out, out_stride, kDim);
#pragma unroll
    for (int c = 0; c < kSliceColumns; ++c) {
      *reinterpret_cast<std::uint32_t*>(to + (column + c) * 8 + lane % 4 * 2) =
          pack_pair<T>(sums[c][half * 2] * factor, sums[c][half * 2 + 1] * factor);
    }
  }
}

}  // namespace millrace::gpu::many
