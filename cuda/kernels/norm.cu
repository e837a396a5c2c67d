#include "kernels/norm.hpp"

#include <algorithm>

#include "platform/block.hpp"

namespace millrace::gpu {
namespace {

constexpr unsigned kMostThreads = 512;

struct Shared {
  float partial[kWarpLanes];
};

// What a thread keeps of a row from the sum of squares to the result, 16 bytes each: whole rows of up to 8192
// elements of 16 bits.
constexpr int kHeld = 2;

template <typename T>
struct Row {
  static constexpr int kElements = 16 / sizeof(T);
  using Elements = Vec<T, kElements>;
  struct Weights {
    Vec<float, 4> at[kElements / 4];
  };

  Elements* x;
  const Elements* delta;  // or null
  const Weights* weight;
  Elements* out;

  // Of x + delta, which is written.
  __device__ Elements sum(int i) const {
    Elements elements = x[i];
    if (delta == nullptr) return elements;
    const Elements added = delta[i];
#pragma unroll
    for (int e = 0; e < kElements; ++e)
      elements.at[e] = from_float<T>(to_float(elements.at[e]) + to_float(added.at[e]));
    x[i] = elements;
    return elements;
  }
  static __device__ float add_squares(const Elements& elements, float squares) {
#pragma unroll
    for (int e = 0; e < kElements; ++e)
      squares = fmaf(to_float(elements.at[e]), to_float(elements.at[e]), squares);
    return squares;
  }
  __device__ void store(int i, Elements elements, Weights weights, float scale) const {
    Elements result;
#pragma unroll
    for (int e = 0; e < kElements; ++e)
      result.at[e] = from_float<T>(to_float(elements.at[e]) * scale * weights.at[e / 4].at[e % 4]);
    out[i] = result;
  }
};

// One block for a row, 16 bytes of it a thread at a time. Its weights are on their way before the previous
// kernel has ended. Of longer rows, what is not held is read again: it is in the first cache then.
template <typename T>
__global__ void __launch_bounds__(kMostThreads) norm_rows(NormParams<T> p) {
  using Elements = typename Row<T>::Elements;
  using Weights = typename Row<T>::Weights;
  Shared& shared = block_shared<Shared>();
  const std::int64_t index = blockIdx.x;
  const Row<T> row = {
      reinterpret_cast<Elements*>(p.x + index * p.x_stride),
      p.delta == nullptr ? nullptr : reinterpret_cast<const Elements*>(p.delta + index * p.delta_stride),
      reinterpret_cast<const Weights*>(p.weight), reinterpret_cast<Elements*>(p.out + index * p.out_stride)};
  const int count = p.cols / Row<T>::kElements, threads = static_cast<int>(blockDim.x),
            first = static_cast<int>(threadIdx.x);
  Elements held[kHeld];
  Weights weights[kHeld];
  float squares = 0;
  let_next_kernel_start();
#pragma unroll
  for (int h = 0; h < kHeld; ++h) {
    if (first + h * threads < count) weights[h] = row.weight[first + h * threads];
  }
  wait_for_previous_kernel();
#pragma unroll
  for (int h = 0; h < kHeld; ++h) {
    const int i = first + h * threads;
    if (i >= count) continue;
    held[h] = row.sum(i);
    squares = row.add_squares(held[h], squares);
  }
  for (int i = first + kHeld * threads; i < count; i += threads)
    squares = row.add_squares(row.sum(i), squares);
  const float mean = block_sum(squares, shared.partial) / static_cast<float>(p.cols);
  const float scale = rsqrtf(mean + p.epsilon);
#pragma unroll
  for (int h = 0; h < kHeld; ++h) {
    const int i = first + h * threads;
    if (i < count) row.store(i, held[h], weights[h], scale);
  }
  for (int i = first + kHeld * threads; i < count; i += threads) row.store(i, row.x[i], row.weight[i], scale);
}

}  // namespace

template <typename T>
void launch_norm(Stream& stream, const NormParams<T>& params) {
  if (params.rows == 0) return;
  constexpr unsigned kElements = 16 / sizeof(T);
  const unsigned wanted =
      (static_cast<unsigned>(params.cols) / kElements + kWarpLanes - 1) / kWarpLanes * kWarpLanes;
  const unsigned threads = std::clamp(wanted, static_cast<unsigned>(kWarpLanes), kMostThreads);
  launch_early(stream, norm_rows<T>, {static_cast<unsigned>(params.rows)}, threads, sizeof(Shared), params);
}

template void launch_norm<float>(Stream&, const NormParams<float>&);
template void launch_norm<bf16>(Stream&, const NormParams<bf16>&);
template void launch_norm<f16>(Stream&, const NormParams<f16>&);

}  // namespace millrace::gpu
