// A warp's share of a tile in prefill attention (attention_many.cu): scores and sums on tensor cores, softmax
// in F32.
#pragma once
#include <cmath>

#include "kernels/attention_many_tile.cuh"
#include "platform/matrix_units.hpp"

namespace millrace::gpu::many {

// A warp's sums and softmax states. A lane has queries lane / 4 and that + 8 of each tile.
template <typename T, int kDim>
struct Warp {
  static constexpr int kTiles = Shape<kDim>::kTiles, kWarpQueries = Shape<kDim>::kWarpQueries;
  static constexpr int kThreads = Shape<kDim>::kThreads;
  static constexpr int kColumns = Shape<kDim>::kPositions / 8;
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
  __device__ void score(const Shared<T, kDim>& shared) {
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
        load_matrices(b, &shared.keys[i * 8 + lane / 16 * 8 + lane % 8][k + lane / 8 % 2 * 8]);
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
    // Sums stay on a base that the best score has outgrown by no more than 2^8: what they and the weights
    // have before the point is in the exponent, and after few tiles no base changes any more.
    constexpr float kSlack = 8;
#pragma unroll
    for (int t = 0; t < kTiles; ++t) {
      float next[2];
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        next[half] = -INFINITY;
#pragma unroll
        for (int i = 0; i < kColumns; ++i)
          next[half] = fmaxf(next[half], fmaxf(scores[t][i][half * 2], scores[t][i][half * 2 + 1]));
#pragma unroll
        for (int distance = 1; distance < 4; distance *= 2)
          next[half] = fmaxf(next[half], __shfl_xor_sync(kFullWarp, next[half], distance));
        next[half] *= scale;
      }
      const bool outgrows = next[0] > best[t][0] + kSlack || next[1] > best[t][1] + kSlack;
      if (__any_sync(kFullWarp, outgrows ? 1 : 0) != 0) rebase(t, next);
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const float base = best[t][half] == -INFINITY ? 0.0F : best[t][half];  // nothing seen yet
        float sum = 0;
#pragma unroll
        for (int i = 0; i < kColumns; ++i) {
#pragma unroll
          for (int e = half * 2; e < half * 2 + 2; ++e) {
            scores[t][i][e] = exp2_approx(fmaf(scores[t][i][e], scale, -base));
            sum += scores[t][i][e];
          }
        }
        total[t][half] += sum;
      }
    }
  }
  __device__ void rebase(int t, const float (&next)[2]) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const float base = fmaxf(best[t][half], next[half]);
      const float rescale = base == -INFINITY ? 1.0F : exp2_approx(best[t][half] - base);
      best[t][half] = base;
      total[t][half] *= rescale;
#pragma unroll
      for (int i = 0; i < kDim / 8; ++i) {
        sums[t][i][half * 2] *= rescale;
        sums[t][i][half * 2 + 1] *= rescale;
      }
    }
  }
  __device__ void add_values(const Shared<T, kDim>& shared) {
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
        load_matrices_transposed(b, &shared.values[k * 8 + lane % 16][i * 8 + lane / 16 * 8]);
        const std::uint32_t left[2] = {b[0], b[1]}, right[2] = {b[2], b[3]};
#pragma unroll
        for (int t = 0; t < kTiles; ++t) {
          multiply_16x8x16<T>(sums[t][i], a[t], left);
          multiply_16x8x16<T>(sums[t][i + 1], a[t], right);
        }
      }
    }
  }
  // The state in memory: of each tile of queries the softmax state, then the sums, by fours, each of which
  // all threads have side by side.
  static constexpr int kTileFours = 1 + kDim / 8;
  __device__ void store(Vec<float, 4>* fours) const {
#pragma unroll
    for (int t = 0; t < kTiles; ++t) {
      Vec<float, 4>* of_tile = fours + t * kTileFours * kThreads + threadIdx.x;
      *of_tile = {{best[t][0], best[t][1], total[t][0], total[t][1]}};
#pragma unroll
      for (int i = 0; i < kDim / 8; ++i)
        of_tile[(1 + i) * kThreads] = {{sums[t][i][0], sums[t][i][1], sums[t][i][2], sums[t][i][3]}};
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
        const float factor = inverse_total(sum);
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

}  // namespace millrace::gpu::many
