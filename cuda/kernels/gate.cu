#include "kernels/gate.hpp"

#include <cstdint>

#include "kernels/activation.hpp"
#include "platform/block.hpp"

namespace millrace::gpu {
namespace {

constexpr unsigned kThreads = 256;

// A block for a row, a vector of 16 bytes of T at a time.
template <typename T, typename Sum, int kElements>
__global__ void __launch_bounds__(kThreads) gate_rows(GateParams<T, Sum> p) {
  let_next_kernel_start();
  wait_for_previous_kernel();
  const std::int64_t row = blockIdx.x;
  const auto* gates = reinterpret_cast<const Vec<Sum, kElements>*>(p.both + row * 2 * p.outputs);
  const auto* ups = reinterpret_cast<const Vec<Sum, kElements>*>(p.both + (row * 2 + 1) * p.outputs);
  auto* out = reinterpret_cast<Vec<T, kElements>*>(p.y + row * p.y_stride);
  for (int i = static_cast<int>(threadIdx.x); i < p.outputs / kElements; i += static_cast<int>(kThreads)) {
    const Vec<Sum, kElements> gate = gates[i], up = ups[i];
    Vec<T, kElements> result;
#pragma unroll
    for (int e = 0; e < kElements; ++e)
      result.at[e] = from_float<T>(activated(p.activation, to_float(gate.at[e])) * to_float(up.at[e]));
    out[i] = result;
  }
}

}  // namespace

template <typename T, typename Sum>
void launch_gate(Stream& stream, const GateParams<T, Sum>& p) {
  constexpr int kElements = 16 / static_cast<int>(sizeof(T));
  const auto is_whole = [](const void* pointer, std::size_t bytes) {
    return reinterpret_cast<std::uintptr_t>(pointer) % bytes == 0;
  };
  const bool in_vectors = p.outputs % kElements == 0 && p.y_stride % kElements == 0 &&
                          is_whole(p.both, sizeof(Vec<Sum, kElements>)) &&
                          is_whole(p.y, sizeof(Vec<T, kElements>));
  launch_early(stream, in_vectors ? gate_rows<T, Sum, kElements> : gate_rows<T, Sum, 1>,
               {static_cast<unsigned>(p.rows)}, kThreads, 0, p);
}

template void launch_gate<float, float>(Stream&, const GateParams<float, float>&);
template void launch_gate<bf16, float>(Stream&, const GateParams<bf16, float>&);
template void launch_gate<f16, float>(Stream&, const GateParams<f16, float>&);
template void launch_gate<bf16, bf16>(Stream&, const GateParams<bf16, bf16>&);

}  // namespace millrace::gpu
