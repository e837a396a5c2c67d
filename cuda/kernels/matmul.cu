#include "kernels/matmul.hpp"

#include <algorithm>
#include <type_traits>

#include "device/card_weight.hpp"
#include "kernels/gate.hpp"
#include "kernels/matmul_kernels.hpp"
#include "kernels/matmul_library.hpp"
#include "platform/block.hpp"

namespace millrace::gpu {
namespace {

// Rows of a gated product at a time, where gate and up have different formats.
constexpr int kRowsApart = 256;

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

template <typename T>
Product<T> rows_from(Product<T> p, int first) {
  const std::int64_t y_bytes = p.output == Output::kFloats ? sizeof(float) : sizeof(T);
  p.x += first * p.x_stride;
  p.y = static_cast<std::byte*>(p.y) + first * p.y_stride * y_bytes;
  p.rows -= first;
  return p;
}

// Which kernel for what:
//   plain    F32, and what does not begin at multiples of 16 bytes: right before fast
//   stream   up to 16 rows: reading w takes longer than multiplying it, so w is read once and nothing else
//            may take time
//   library  more rows, weights in floats: cuBLASLt where it is there (matmul_library.hpp)
//   tile     more rows: x and w are read by many blocks, and shared memory saves the most of it
template <typename T>
void launch_product(Stream& stream, Product<T> p, const MatmulParams<T>& params) {
  if constexpr (!std::is_same_v<T, float>) {
    if (fits_tensor_cores(p)) {
      if (p.rows <= kMostStreamRows) return launch_stream_product(stream, p, params.multiprocessors);
      if (params.library != nullptr) {
        const int done = launch_library_product(stream, *params.library, p, params.workspace);
        p = rows_from(p, done);
        if (p.rows == 0) return;
      }
      const bool in_panels = !p.gated || !has_codes(p.w.format) || p.outputs() % kPanelRowsOfCard == 0;
      if (in_panels) return launch_tile_product(stream, p, params.multiprocessors, params.workspace);
    }
  }
  launch_plain_product(stream, p);
}

// Of every product's, beside which gate and up lie where they have no matrix in common.
std::int64_t sums_begin(int multiprocessors, const ProductLibrary* library) {
  const bool has_library = library != nullptr && library->cublaslt != nullptr;
  return std::max(tile_workspace_bytes(multiprocessors), has_library ? CublasLt::kWorkspaceBytes : 0);
}

template <typename T>
Product<T> product_of(const MatmulParams<T>& params, const CardWeight::Segment& segment) {
  Product<T> product = {};
  product.x = params.x;
  product.x_stride = params.x_stride;
  product.w = segment.matrix;
  product.bias = params.bias == nullptr ? nullptr : params.bias + segment.first_row;
  product.narrow_bias = params.narrow_bias == nullptr ? nullptr : params.narrow_bias + segment.first_row;
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
  void* sums = static_cast<std::byte*>(params.workspace) + sums_begin(params.multiprocessors, params.library);
  for (int row = 0; row < params.rows; row += kRowsApart) {
    MatmulParams<T> part = params;
    part.rows = std::min(kRowsApart, params.rows - row);
    part.x += row * params.x_stride;
    part.y = sums;
    part.y_stride = both;
    part.y_is_float = true;
    part.activation = std::nullopt;
    for (const CardWeight::Segment& segment : params.weight->segments())
      launch_product(stream, product_of(part, segment), part);
    launch_gate<T, float>(stream,
                          {static_cast<const float*>(sums), static_cast<T*>(params.y) + row * params.y_stride,
                           params.y_stride, part.rows, both / 2, *params.activation});
  }
}

}  // namespace

std::int64_t matmul_workspace_bytes(int max_rows, const CardWeight& weight, bool gated, int multiprocessors,
                                    const ProductLibrary* library) {
  const std::int64_t tiles = tile_workspace_bytes(multiprocessors);
  const auto segments = weight.segments();
  if (gated && segments.size() > 1) {
    return sums_begin(multiprocessors, library) +
           std::int64_t{4} * std::min(max_rows, kRowsApart) * weight.rows();
  }
  if (max_rows <= kMostStreamRows) return 0;
  std::int64_t bytes = tiles;
  for (const CardWeight::Segment& segment : segments) {
    if (library != nullptr)
      bytes = std::max(bytes, library_workspace_bytes(*library, max_rows, segment.matrix, gated));
  }
  return bytes;
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
    launch_product(stream, product, params);
  }
}

template void launch_matmul<float>(Stream&, const MatmulParams<float>&);
template void launch_matmul<bf16>(Stream&, const MatmulParams<bf16>&);
template void launch_matmul<f16>(Stream&, const MatmulParams<f16>&);

}  // namespace millrace::gpu
