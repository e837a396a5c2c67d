#include "kernels/matmul.hpp"

#include <algorithm>
#include <type_traits>

#include "device/card_weight.hpp"
#include "kernels/matmul_kernels.hpp"
#include "platform/block.hpp"

namespace millrace::gpu {
namespace {

// Rows of a gated product at a time, where gate and up have different formats.
constexpr int kRowsApart = 256;
constexpr unsigned kThreads = 256;

template <typename T>
struct GateParams {
  const float* both;  // (rows, 2 * outputs)
  T* y;
  std::int64_t y_stride;
  int outputs;
  Activation activation;
};

template <typename T>
__global__ void __launch_bounds__(kThreads) gate_rows(GateParams<T> p) {
  const std::int64_t row = blockIdx.x;
  const float* both = p.both + row * 2 * p.outputs;
  for (int i = static_cast<int>(threadIdx.x); i < p.outputs; i += static_cast<int>(blockDim.x))
    p.y[row * p.y_stride + i] = from_float<T>(activated(p.activation, both[i]) * both[p.outputs + i]);
}

template <typename T>
bool fits_tensor_cores(const Product<T>& p) {
  if constexpr (std::is_same_v<T, float>) {
    return false;
  } else {
    const CardFormat own = std::is_same_v<T, bf16> ? CardFormat::kBF16 : CardFormat::kF16;
    return (has_codes(p.w.format) || p.w.format == own) && p.w.cols % 8 == 0 && p.x_stride % 8 == 0 &&
           reinterpret_cast<std::uintptr_t>(p.x) % 16 == 0;
  }
}

// Which kernel for what:
//   plain    F32, and what does not begin at multiples of 16 bytes: right before fast
//   stream   up to 16 rows: reading w takes longer than multiplying it, so w is read once and nothing else
//            may take time
//   tile     more rows: x and w are read by many blocks, and shared memory saves the most of it
template <typename T>
void launch_product(Stream& stream, const Product<T>& p, int multiprocessors, void* workspace) {
  if constexpr (!std::is_same_v<T, float>) {
    if (fits_tensor_cores(p)) {
      if (p.rows <= kMostStreamRows) return launch_stream_product(stream, p, multiprocessors);
      const bool in_panels = !p.gated || !has_codes(p.w.format) || p.outputs() % kPanelRowsOfCard == 0;
      if (in_panels) return launch_tile_product(stream, p, multiprocessors, workspace);
    }
  }
  launch_plain_product(stream, p);
}

template <typename T>
Product<T> product_of(const MatmulParams<T>& params, const CardWeight::Segment& segment) {
  Product<T> product = {};
  product.x = params.x;
  product.x_stride = params.x_stride;
  product.w = segment.matrix;
  product.bias = params.bias == nullptr ? nullptr : params.bias + segment.first_row;
  product.output = params.y_is_float ? Output::kFloats : Output::kActivations;
  const int element_bytes = static_cast<int>(params.y_is_float ? sizeof(float) : sizeof(T));
  product.y =
      static_cast<std::byte*>(params.y) + static_cast<std::int64_t>(segment.first_row) * element_bytes;
  product.y_stride = params.y_stride;
  product.rows = params.rows;
  return product;
}

// Gate and up have no matrix in common: first both, in F32, then the activation.
template <typename T>
void launch_gated_apart(Stream& stream, const MatmulParams<T>& params) {
  const int both = static_cast<int>(params.weight->rows());
  void* sums = static_cast<std::byte*>(params.workspace) + tile_workspace_bytes(params.multiprocessors);
  for (int row = 0; row < params.rows; row += kRowsApart) {
    MatmulParams<T> part = params;
    part.rows = std::min(kRowsApart, params.rows - row);
    part.x += row * params.x_stride;
    part.y = sums;
    part.y_stride = both;
    part.y_is_float = true;
    part.activation = std::nullopt;
    for (const CardWeight::Segment& segment : params.weight->segments())
      launch_product(stream, product_of(part, segment), params.multiprocessors, params.workspace);
    const GateParams<T> gate = {static_cast<const float*>(sums),
                                static_cast<T*>(params.y) + row * params.y_stride, params.y_stride, both / 2,
                                *params.activation};
    launch(stream, gate_rows<T>, {static_cast<unsigned>(part.rows)}, kThreads, 0, gate);
  }
}

}  // namespace

std::int64_t matmul_workspace_bytes(int max_rows, const CardWeight& weight, bool gated, int multiprocessors) {
  const std::int64_t tiles = tile_workspace_bytes(multiprocessors);
  if (!gated || weight.segments().size() == 1) return max_rows > kMostStreamRows ? tiles : 0;
  return tiles + std::int64_t{4} * std::min(max_rows, kRowsApart) * weight.rows();
}

template <typename T>
void launch_matmul(Stream& stream, const MatmulParams<T>& params) {
  if (params.rows == 0) return;
  const auto segments = params.weight->segments();
  if (params.activation && segments.size() > 1) return launch_gated_apart(stream, params);
  for (const CardWeight::Segment& segment : segments) {
    Product<T> product = product_of(params, segment);
    product.gated = params.activation.has_value();
    product.activation = params.activation.value_or(Activation::kSilu);
    launch_product(stream, product, params.multiprocessors, params.workspace);
  }
}

template void launch_matmul<float>(Stream&, const MatmulParams<float>&);
template void launch_matmul<bf16>(Stream&, const MatmulParams<bf16>&);
template void launch_matmul<f16>(Stream&, const MatmulParams<f16>&);

}  // namespace millrace::gpu
