// A warp's work in attention of rows with few tokens (attention_few.cu): 16 positions at a time, with all the
// query heads that share them, at most 8.
//
// Scores (queries, positions) = Q · Kᵀ, where rows 8 to 15 of Q are zero: so a lane's words of a key are the
// product's second operand as they were loaded. Sums (elements, queries) = Vᵀ · weights, so that a lane's
// scores are its share of the weights. Which element of a head is which row or column of a product is free,
// and chosen so that a lane loads 16 bytes that lie together, straight into registers: nobody else needs
// them.
#pragma once
#include <cmath>

#include "kernels/attention_work.cuh"
#include "platform/matrix_units.hpp"

namespace millrace::gpu::few {

constexpr int kPositions = 16;  // that a warp takes at a time
constexpr int kQueries = 8;

// What a lane has of Q for each step of the product: as the first operand, zeros included.
template <int kDim>
using Queries = Vec<std::uint32_t, 4>[kDim / 16][kWarpLanes];

// The first of four elements of a row of K, or of Q, that a lane of a column of four holds for the product's
// step s.
template <int kDim>
__device__ int quarter_of(int s) {
  const int quarter = static_cast<int>(threadIdx.x) % 4;
  constexpr int kWide = kDim / 32;
  return s < kWide * 2 ? s / 2 * 32 + quarter * 8 + s % 2 * 4 : kWide * 32 + quarter * 4;
}

// All of them: words 2 s and 2 s + 1 are of step s.
template <int kDim, typename T>
__device__ void load_quarter(bool wanted, std::uint32_t (&words)[kDim / 8], const T* row) {
#pragma unroll
  for (int s = 0; s < kDim / 32 * 2; s += 2)
    load_streamed_if<4>(wanted, &words[s * 2], row + quarter_of<kDim>(s));
  if constexpr (kDim % 32 != 0) {
    static_assert(kDim % 32 == 16);
    constexpr int kLast = kDim / 16 - 1;
    load_streamed_if<2>(wanted, &words[kLast * 2], row + quarter_of<kDim>(kLast));
  }
}

// The first of the two elements in word i of the eighth of a row of V that a lane's group holds. The word is
// two rows of the products' tile i.
template <int kDim>
__device__ int eighth_of(int i) {
  const int eighth = static_cast<int>(threadIdx.x) % kWarpLanes / 4;
  constexpr int kWide = kDim / 64, kRest = kDim % 64 / 16;
  if (i < kWide * 4) return i / 4 * 64 + eighth * 8 + i % 4 * 2;
  return kWide * 64 + eighth * kRest * 2 + (i - kWide * 4) * 2;
}

template <int kDim, typename T>
__device__ void load_eighth(bool wanted, std::uint32_t (&words)[kDim / 16], const T* row) {
  constexpr int kWide = kDim / 64, kRest = kDim % 64 / 16;
#pragma unroll
  for (int i = 0; i < kWide * 4; i += 4) load_streamed_if<4>(wanted, &words[i], row + eighth_of<kDim>(i));
  if constexpr (kRest != 0)
    load_streamed_if<kRest>(wanted, &words[kWide * 4], row + eighth_of<kDim>(kWide * 4));
}

// Keys, values and softmax state. The state is of query lane / 4, the sums of queries lane % 4 * 2 and the
// next.
template <typename T, int kDim>
struct Warp {
  std::uint32_t keys[2][kDim / 8];     // of positions lane / 4 and that + 8
  std::uint32_t values[4][kDim / 16];  // of positions lane % 4 * 2, the next, and those + 8
  float sums[kDim / 16][4];            // two elements, each of two queries
  float best, total;

  __device__ void clear() {
    best = -INFINITY;
    total = 0;
#pragma unroll
    for (int i = 0; i < kDim / 16; ++i) {
#pragma unroll
      for (int c = 0; c < 4; ++c) sums[i][c] = 0;
#pragma unroll
      for (int p = 0; p < 4; ++p) values[p][i] = 0;
#pragma unroll
      for (int p = 0; p < 4; ++p) keys[p / 2][i * 2 + p % 2] = 0;
    }
  }
  // cache_row is that of position lane % 16 of the 16.
  __device__ void load_keys(bool wanted, const T* rows, int cache_row) {
    const int lane = static_cast<int>(threadIdx.x) % kWarpLanes;
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const int row = __shfl_sync(kFullWarp, cache_row, lane / 4 + i * 8);
      load_quarter<kDim>(wanted, keys[i], rows + std::int64_t{row} * kDim);
    }
  }
  __device__ void load_values(bool wanted, const T* rows, int cache_row) {
    const int lane = static_cast<int>(threadIdx.x) % kWarpLanes;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int row = __shfl_sync(kFullWarp, cache_row, lane % 4 * 2 + i % 2 + i / 2 * 8);
      load_eighth<kDim>(wanted, values[i], rows + std::int64_t{row} * kDim);
    }
  }
  // Of query lane / 4, with positions lane % 4 * 2, the next, and those + 8.
  __device__ void score(const Queries<kDim>& queries, float (&scores)[4]) const {
    // Each in two sums, because a product waits for the one before it. Wide heads have no registers for that.
    constexpr int kSums = kDim <= 128 ? 2 : 1;
    float products[2][kSums][4];
#pragma unroll
    for (int i = 0; i < 2; ++i) {
#pragma unroll
      for (int sum = 0; sum < kSums; ++sum) {
#pragma unroll
        for (int e = 0; e < 4; ++e) products[i][sum][e] = 0;
      }
    }
#pragma unroll
    for (int s = 0; s < kDim / 16; ++s) {
      const auto a = load_shared_again(&queries[s][threadIdx.x % kWarpLanes]);
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        const std::uint32_t b[2] = {keys[i][2 * s], keys[i][2 * s + 1]};
        multiply_16x8x16<T>(products[i][s % kSums], a.at, b);
      }
    }
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      scores[i] = products[i / 2][0][i % 2];
      if constexpr (kSums == 2) scores[i] += products[i / 2][1][i % 2];
    }
  }
  // Turns scores into weights: 0 for those that are -infinity.
  __device__ void soften(float (&scores)[4]) {
    float next = fmaxf(fmaxf(scores[0], scores[1]), fmaxf(scores[2], scores[3]));
#pragma unroll
    for (int distance = 1; distance < 4; distance *= 2)
      next = fmaxf(next, __shfl_xor_sync(kFullWarp, next, distance));
    next = fmaxf(next, best);
    const float base = next == -INFINITY ? 0.0F : next;  // nothing seen yet
    const float rescale = exp2_approx(best - base);
    best = next;
    total *= rescale;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      scores[i] = exp2_approx(scores[i] - base);
      total += scores[i];
    }
    const int lane = static_cast<int>(threadIdx.x) % kWarpLanes;
#pragma unroll
    for (int c = 0; c < 2; ++c) {
      const float of_query = __shfl_sync(kFullWarp, rescale, (lane % 4 * 2 + c) * 4);
#pragma unroll
      for (int i = 0; i < kDim / 16; ++i) {
        sums[i][c] *= of_query;
        sums[i][c + 2] *= of_query;
      }
    }
  }
  __device__ void add_values(const float (&weights)[4]) {
    const std::uint32_t b[2] = {pack_pair<T>(weights[0], weights[1]), pack_pair<T>(weights[2], weights[3])};
#pragma unroll
    for (int i = 0; i < kDim / 16; ++i) {
      const std::uint32_t a[4] = {
          __byte_perm(values[0][i], values[1][i], 0x5410U), __byte_perm(values[0][i], values[1][i], 0x7632U),
          __byte_perm(values[2][i], values[3][i], 0x5410U), __byte_perm(values[2][i], values[3][i], 0x7632U)};
      multiply_16x8x16<T>(sums[i], a, b);
    }
  }
  // The lane's total is of its own positions before, and then of all.
  __device__ void sum_totals() {
#pragma unroll
    for (int distance = 1; distance < 4; distance *= 2) total += __shfl_xor_sync(kFullWarp, total, distance);
  }
};

}  // namespace millrace::gpu::few
