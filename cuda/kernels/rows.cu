#include "kernels/rows.hpp"

#include <algorithm>

#include "platform/block.hpp"

namespace millrace::gpu {
namespace {

constexpr unsigned kMostThreads = 256;

template <typename T>
using Elements = Vec<T, 16 / sizeof(T)>;

template <typename T>
struct AddParams {
  T* x;
  std::int64_t x_stride;
  const T* delta;
  std::int64_t delta_stride;
  int cols;
};

// A block for a row, and for a part of it where it is long: blockIdx.y.
template <typename T>
__global__ void __launch_bounds__(kMostThreads) add_rows(AddParams<T> p) {
  let_next_kernel_start();
  wait_for_previous_kernel();
  constexpr int kElements = 16 / sizeof(T);
  const auto i = static_cast<int>(blockIdx.y * blockDim.x + threadIdx.x);
  if (i >= p.cols / kElements) return;
  auto* x = reinterpret_cast<Elements<T>*>(p.x + std::int64_t{blockIdx.x} * p.x_stride) + i;
  const Elements<T> delta =
      reinterpret_cast<const Elements<T>*>(p.delta + std::int64_t{blockIdx.x} * p.delta_stride)[i];
  Elements<T> sum = *x;
  for (int e = 0; e < kElements; ++e) sum.at[e] = from_float<T>(to_float(sum.at[e]) + to_float(delta.at[e]));
  *x = sum;
}

template <typename T>
struct GatherParams {
  const T* x;
  std::int64_t x_stride;
  const std::int32_t* indices;
  T* out;
  std::int64_t out_stride;
  int cols;
};

template <typename T>
__global__ void __launch_bounds__(kMostThreads) gather_rows(GatherParams<T> p) {
  let_next_kernel_start();
  wait_for_previous_kernel();
  const auto i = static_cast<int>(blockIdx.y * blockDim.x + threadIdx.x);
  if (i >= p.cols / static_cast<int>(16 / sizeof(T))) return;
  const T* from = p.x + p.indices[blockIdx.x] * p.x_stride;
  T* to = p.out + std::int64_t{blockIdx.x} * p.out_stride;
  reinterpret_cast<Elements<T>*>(to)[i] = reinterpret_cast<const Elements<T>*>(from)[i];
}

template <typename T, typename Params>
void launch_rows(Stream& stream, void (*kernel)(Params), const Params& params, int rows) {
  if (rows == 0 || params.cols == 0) return;
  const unsigned wanted = static_cast<unsigned>(params.cols) / (16 / sizeof(T));
  const unsigned threads = std::min(kMostThreads, (wanted + kWarpLanes - 1) / kWarpLanes * kWarpLanes);
  launch_early(stream, kernel, {static_cast<unsigned>(rows), (wanted + threads - 1) / threads}, threads, 0,
               params);
}

}  // namespace

template <typename T>
void launch_add(Stream& stream, T* x, std::int64_t x_stride, const T* delta, std::int64_t delta_stride,
                int rows, int cols) {
  launch_rows<T>(stream, add_rows<T>, AddParams<T>{x, x_stride, delta, delta_stride, cols}, rows);
}

template <typename T>
void launch_gather_rows(Stream& stream, const T* x, std::int64_t x_stride, const std::int32_t* indices,
                        T* out, std::int64_t out_stride, int rows, int cols) {
  launch_rows<T>(stream, gather_rows<T>, GatherParams<T>{x, x_stride, indices, out, out_stride, cols}, rows);
}

template void launch_add<float>(Stream&, float*, std::int64_t, const float*, std::int64_t, int, int);
template void launch_add<bf16>(Stream&, bf16*, std::int64_t, const bf16*, std::int64_t, int, int);
template void launch_add<f16>(Stream&, f16*, std::int64_t, const f16*, std::int64_t, int, int);
template void launch_gather_rows<float>(Stream&, const float*, std::int64_t, const std::int32_t*, float*,
                                        std::int64_t, int, int);
template void launch_gather_rows<bf16>(Stream&, const bf16*, std::int64_t, const std::int32_t*, bf16*,
                                       std::int64_t, int, int);
template void launch_gather_rows<f16>(Stream&, const f16*, std::int64_t, const std::int32_t*, f16*,
                                      std::int64_t, int, int);

}  // namespace millrace::gpu
