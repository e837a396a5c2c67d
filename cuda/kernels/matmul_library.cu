#include "kernels/matmul_library.hpp"

#include <algorithm>
#include <type_traits>

#include "kernels/gate.hpp"

namespace millrace::gpu {
namespace {

constexpr int kRowUnit = 128;

// Gate and up before they are multiplied. In F16 either could be infinite where their product is not.
template <typename T>
using Sum = std::conditional_t<std::is_same_v<T, bf16>, bf16, float>;

bool begins_whole(const void* pointer) {
  return reinterpret_cast<std::uintptr_t>(pointer) % 256 == 0;
}

bool is_float_16(CardFormat format) {
  return format == CardFormat::kBF16 || format == CardFormat::kF16;
}

std::int64_t sum_bytes(CardFormat format) {
  return format == CardFormat::kBF16 ? sizeof(Sum<bf16>) : sizeof(Sum<f16>);
}

// Parts of about the same number of rows: a small last one would be slow.
int rows_of_part(const ProductLibrary& library, int rows, const CardMatrix& w) {
  const std::int64_t most = library.gated_bytes / (w.rows * sum_bytes(w.format)) / kRowUnit * kRowUnit;
  if (most == 0) return 0;
  const int parts = static_cast<int>((rows + most - 1) / most);
  const int even = (rows + parts - 1) / parts;
  return static_cast<int>(std::min<std::int64_t>(most, (even + kRowUnit - 1) / kRowUnit * kRowUnit));
}

// Without gate and output.
template <typename T>
LibraryProduct library_product(const Product<T>& p, void* workspace) {
  return {.type = std::is_same_v<T, bf16> ? LibraryProduct::Type::kBF16 : LibraryProduct::Type::kF16,
          .y_is_float = p.output == Output::kFloats,
          .x = p.x,
          .x_stride = p.x_stride,
          .w = p.w.elements,
          .w_stride = p.w.row_elements,
          .bias = p.narrow_bias,
          .y = p.y,
          .y_stride = p.y_stride,
          .rows = p.rows,
          .w_rows = p.w.rows,
          .cols = p.w.cols,
          .workspace = workspace};
}

template <typename T>
bool is_for_library(const ProductLibrary& library, const Product<T>& p) {
  const std::int64_t y_bytes = p.output == Output::kFloats ? sizeof(float) : sizeof(T);
  const bool has_bias_as_wanted =
      p.bias == nullptr ||
      (p.narrow_bias != nullptr && begins_whole(p.narrow_bias) && p.output != Output::kFloats && !p.gated);
  return library.cublaslt != nullptr && is_float_16(p.w.format) &&
         p.rows >= (p.gated ? library.fewest_gated_rows : library.fewest_rows) && begins_whole(p.x) &&
         begins_whole(p.y) && begins_whole(p.w.elements) && p.x_stride % 8 == 0 &&
         p.y_stride * y_bytes % 16 == 0 && has_bias_as_wanted;
}

template <typename T>
int launch_gated(Stream& stream, const ProductLibrary& library, const Product<T>& p, void* workspace) {
  const int part = rows_of_part(library, p.rows, p.w);
  if (part == 0 || p.w.rows % 8 != 0 || p.output == Output::kFloats) return 0;
  auto* both = reinterpret_cast<Sum<T>*>(static_cast<std::byte*>(workspace) + CublasLt::kWorkspaceBytes);
  int done = 0;
  while (done < p.rows) {
    LibraryProduct product = library_product(p, workspace);
    product.rows = std::min(part, p.rows - done);
    product.x = p.x + done * p.x_stride;
    product.y = both;
    product.y_stride = p.w.rows;
    product.y_is_float = std::is_same_v<Sum<T>, float>;
    if (!library.cublaslt->try_multiply(stream, product)) break;
    launch_gate<T, Sum<T>>(stream, {both, static_cast<T*>(p.y) + done * p.y_stride, p.y_stride, product.rows,
                                    p.outputs(), p.activation});
    done += product.rows;
  }
  return done;
}

}  // namespace

ProductLibrary library_for(CublasLt* cublaslt, int major, int minor) {
  ProductLibrary library;
  library.cublaslt = cublaslt;
  // A100, H100, B200 and their kin.
  if (minor == 0 && major < 12) library.fewest_gated_rows = 256;
  return library;
}

std::int64_t library_workspace_bytes(const ProductLibrary& library, int rows, const CardMatrix& w,
                                     bool gated) {
  if (library.cublaslt == nullptr || !is_float_16(w.format) || rows < library.fewest_rows) return 0;
  if (!gated || rows < library.fewest_gated_rows) return CublasLt::kWorkspaceBytes;
  // Fewer rows than the most can be parts of more rows.
  const std::int64_t most =
      std::min(library.gated_bytes, (std::int64_t{rows} + kRowUnit) * w.rows * sum_bytes(w.format));
  return CublasLt::kWorkspaceBytes + most;
}

template <typename T>
int launch_library_product(Stream& stream, const ProductLibrary& library, const Product<T>& p,
                           void* workspace) {
  if (!is_for_library(library, p)) return 0;
  if (p.gated) return launch_gated(stream, library, p, workspace);
  return library.cublaslt->try_multiply(stream, library_product(p, workspace)) ? p.rows : 0;
}

template int launch_library_product<bf16>(Stream&, const ProductLibrary&, const Product<bf16>&, void*);
template int launch_library_product<f16>(Stream&, const ProductLibrary&, const Product<f16>&, void*);

}  // namespace millrace::gpu
