// Attention without tensor cores: for F32, and for heads that the other kernels are not made for. A block
// computes one query of one head. Its warps take tiles of 32 positions in turn: a lane computes the score of
// a position, then the lanes share the head's elements to add up the values. Online softmax: Milakov &
// Gimelshein 2018, arXiv:1805.02867.
#include <cmath>

#include "kernels/attention_paths.hpp"
#include "kernels/kv_type.hpp"
#include "platform/block.hpp"

namespace millrace::gpu {
namespace {

constexpr int kWarps = 4;
constexpr int kMostHeadDim = 512;
constexpr float kLog2E = 1.44269504F;

struct Shared {
  float q[kMostHeadDim];
  float weights[kWarps][kWarpLanes];
  std::int64_t rows[kWarps][kWarpLanes];  // of the positions' keys and values in the cache
  float best[kWarps], total[kWarps];
  float sums[kWarps][kMostHeadDim];
};

template <typename Kv>
__device__ float dot(const float* q, const Kv* key, int dim) {
  constexpr int kElements = 16 / sizeof(Kv);
  float sum = 0;
  for (int i = 0; i < dim / kElements; ++i) {
    const auto elements = reinterpret_cast<const Vec<Kv, kElements>*>(key)[i];
#pragma unroll
    for (int e = 0; e < kElements; ++e) sum = fmaf(q[i * kElements + e], to_float(elements.at[e]), sum);
  }
  return sum;
}

// kElements of a head for each lane: lane, lane + 32, ...
template <typename T, typename Kv, int kElements>
__global__ void __launch_bounds__(kWarps* kWarpLanes, 6) attend_plainly(AttentionParams<T> p) {
  Shared& shared = block_shared<Shared>();
  const int warp = static_cast<int>(threadIdx.x) / kWarpLanes;
  const int lane = static_cast<int>(threadIdx.x) % kWarpLanes;
  const auto token = static_cast<int>(blockIdx.x), head = static_cast<int>(blockIdx.y);
  const KvLayer& kv = p.kv;
  const int dim = kv.head_dim, kv_head = head / (p.num_heads / kv.num_kv_heads);
  const int row = p.batch.token_rows[token];
  const std::int32_t* table = p.batch.block_tables + std::int64_t{row} * p.batch.max_blocks;
  const int context = p.batch.context_lens[row];
  // Positions [first, last) are what the query sees.
  const int last = context == 0 ? 0 : context - (p.batch.query_starts[row + 1] - 1 - token);
  const int first = p.sliding_window == 0 ? 0 : max(0, last - p.sliding_window);
  const T* q = p.q + token * p.q_stride + std::int64_t{head} * dim;
  for (int d = static_cast<int>(threadIdx.x); d < dim; d += kWarps * kWarpLanes)
    shared.q[d] = to_float(q[d]) * p.scale * kLog2E;
  __syncthreads();

  float best = -INFINITY, total = 0, sums[kElements] = {};
  for (int start = first + warp * kWarpLanes; start < last; start += kWarps * kWarpLanes) {
    const int position = start + lane;
    float score = -INFINITY;
    if (position < last) {
      const std::int64_t kv_block = table[position / kv.block_tokens];
      const std::int64_t at =
          ((kv_block * kv.num_kv_heads + kv_head) * kv.block_tokens + position % kv.block_tokens) * dim;
      shared.rows[warp][lane] = at;
      score = dot(shared.q, static_cast<const Kv*>(kv.keys) + at, dim);
    }
    const float next = fmaxf(best, warp_max(score));
    const float weight = exp2f(score - next), rescale = exp2f(best - next);
    best = next;
    total = total * rescale + weight;
    shared.weights[warp][lane] = weight;
    __syncwarp();
#pragma unroll
    for (int e = 0; e < kElements; ++e) sums[e] *= rescale;
    const int count = min(kWarpLanes, last - start);
    for (int i = 0; i < count; ++i) {
      const Kv* value = static_cast<const Kv*>(kv.values) + shared.rows[warp][i];
#pragma unroll
      for (int e = 0; e < kElements; ++e) {
        const int d = lane + e * kWarpLanes;
        if (d < dim) sums[e] = fmaf(shared.weights[warp][i], to_float(value[d]), sums[e]);
      }
    }
    __syncwarp();
  }

  total = warp_sum(total);
  if (lane == 0) {
    shared.best[warp] = best;
    shared.total[warp] = total;
  }
#pragma unroll
  for (int e = 0; e < kElements; ++e) {
    if (lane + e * kWarpLanes < dim) shared.sums[warp][lane + e * kWarpLanes] = sums[e];
  }
  __syncthreads();
  float all_best = -INFINITY, all_total = 0, factors[kWarps];
#pragma unroll
  for (int w = 0; w < kWarps; ++w) all_best = fmaxf(all_best, shared.best[w]);
#pragma unroll
  for (int w = 0; w < kWarps; ++w) {
    factors[w] = all_best == -INFINITY ? 0.0F : exp2f(shared.best[w] - all_best);
    all_total += shared.total[w] * factors[w];
  }
  T* out = p.out + token * p.out_stride + std::int64_t{head} * dim;
  for (int d = static_cast<int>(threadIdx.x); d < dim; d += kWarps * kWarpLanes) {
    float sum = 0;
#pragma unroll
    for (int w = 0; w < kWarps; ++w) sum = fmaf(shared.sums[w][d], factors[w], sum);
    out[d] = from_float<T>(all_best == -INFINITY ? 0.0F : sum / all_total);
  }
}

template <typename T, typename Kv, int kElements>
void launch_of_width(Stream& stream, const AttentionParams<T>& params) {
  const Grid grid{static_cast<unsigned>(params.batch.num_tokens), static_cast<unsigned>(params.num_heads)};
  launch(stream, attend_plainly<T, Kv, kElements>, grid, kWarps * kWarpLanes, sizeof(Shared), params);
}

}  // namespace

template <typename T>
void launch_plain_attention(Stream& stream, const AttentionParams<T>& params) {
  with_kv_type<T>(params.kv.dtype, [&](auto kv) {
    using Kv = decltype(kv);
    const int dim = params.kv.head_dim;
    if (dim <= 4 * kWarpLanes) return launch_of_width<T, Kv, 4>(stream, params);
    launch_of_width<T, Kv, kMostHeadDim / kWarpLanes>(stream, params);
  });
}

template void launch_plain_attention<float>(Stream&, const AttentionParams<float>&);
template void launch_plain_attention<bf16>(Stream&, const AttentionParams<bf16>&);
template void launch_plain_attention<f16>(Stream&, const AttentionParams<f16>&);

}  // namespace millrace::gpu
