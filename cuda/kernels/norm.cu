#include "kernels/norm.hpp"

#include <algorithm>

#include "platform/block.hpp"

namespace millrace::gpu {
namespace {

constexpr unsigned kMostThreads = 512;

struct Shared {
  float partial[kWarpLanes];
};

// One block for a row, 16 bytes of it a thread at a time. The sum x + delta is written before it is squared
// and read again for the result: it is in the first cache then.
template <typename T>
__global__ void __launch_bounds__(kMostThreads) norm_rows(NormParams<T> p) {
  constexpr int kElements = 16 / sizeof(T);
  using Elements = Vec<T, kElements>;
  Shared& shared = block_shared<Shared>();
  const std::int64_t row = blockIdx.x;
  auto* x = reinterpret_cast<Elements*>(p.x + row * p.x_stride);
  auto* out = reinterpret_cast<Elements*>(p.out + row * p.out_stride);
  const auto* delta =
      p.delta == nullptr ? nullptr : reinterpret_cast<const Elements*>(p.delta + row * p.delta_stride);
  const int count = p.cols / kElements;
  float squares = 0;
  for (int i = static_cast<int>(threadIdx.x); i < count; i += static_cast<int>(blockDim.x)) {
    Elements elements = x[i];
    if (delta != nullptr) {
      const Elements added = delta[i];
      for (int e = 0; e < kElements; ++e)
        elements.at[e] = from_float<T>(to_float(elements.at[e]) + to_float(added.at[e]));
      x[i] = elements;
    }
    for (int e = 0; e < kElements; ++e)
      squares = fmaf(to_float(elements.at[e]), to_float(elements.at[e]), squares);
  }
  const float mean = block_sum(squares, shared.partial) / static_cast<float>(p.cols);
  const float scale = rsqrtf(mean + p.epsilon);
  for (int i = static_cast<int>(threadIdx.x); i < count; i += static_cast<int>(blockDim.x)) {
    const Elements elements = x[i];
    Elements result;
    for (int e = 0; e < kElements; ++e)
      result.at[e] = from_float<T>(to_float(elements.at[e]) * scale * p.weight[i * kElements + e]);
    out[i] = result;
  }
}

}  // namespace

template <typename T>
void launch_norm(Stream& stream, const NormParams<T>& params) {
  if (params.rows == 0) return;
  constexpr unsigned kElements = 16 / sizeof(T);
  const unsigned wanted =
      (static_cast<unsigned>(params.cols) / kElements + kWarpLanes - 1) / kWarpLanes * kWarpLanes;
  const unsigned threads = std::clamp(wanted, static_cast<unsigned>(kWarpLanes), kMostThreads);
  launch(stream, norm_rows<T>, {static_cast<unsigned>(params.rows)}, threads, sizeof(Shared), params);
}

template void launch_norm<float>(Stream&, const NormParams<float>&);
template void launch_norm<bf16>(Stream&, const NormParams<bf16>&);
template void launch_norm<f16>(Stream&, const NormParams<f16>&);

}  // namespace millrace::gpu
