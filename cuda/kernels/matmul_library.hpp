// Products that cuBLASLt is to compute: which, and what our kernels do after it.
#pragma once
#include <climits>
#include <cstdint>

#include "kernels/matmul_kernels.hpp"
#include "libraries/cublaslt.hpp"

namespace millrace::gpu {

// What a card has cuBLASLt for, at least so many rows of x. Weights are in floats: they lie as it wants them.
struct ProductLibrary {
  CublasLt* cublaslt = nullptr;
  int fewest_rows = kMostStreamRows + 1;
  int fewest_gated_rows = INT_MAX;
  // Of gate and up at a time: most of it is still in the second cache of a large card when it is read.
  std::int64_t gated_bytes = std::int64_t{64} << 20;
};

// For a card of that compute capability. It has no activation(gate) * up: both are written and read again,
// 8 bytes for each row and output, where our tiles write the result alone. Beside the product's time that is
// 2 * rate / (bandwidth * cols) in 16 bits: with 2560 columns 23 % on an H100, 12 % on an A100, 6 % on an RTX
// 3090. It is worth it where our tiles, which have mma.sync alone and are bound by shared memory, stay far
// from the rate: on an H100 (wgmma), less so on an A100. On the cards beside those, whose tensor cores add
// in F32 at half the rate or less, the tiles reach it themselves. With fewer than about 256 rows the weight's
// bytes decide on every card. Not measured yet: bench/gpu/products.cpp gives both ways.
[[nodiscard]] ProductLibrary library_for(CublasLt* cublaslt, int major, int minor);

// Of T, or of float where T has no room for gate and up as they are before they are multiplied.
std::int64_t library_workspace_bytes(const ProductLibrary& library, int rows, const CardMatrix& w,
                                     bool gated);

// Queues the product, and returns how many of its rows: from the first on, those that are left are for our
// kernels. The workspace is that of library_workspace_bytes.
template <typename T>
int launch_library_product(Stream& stream, const ProductLibrary& library, const Product<T>& p,
                           void* workspace);

}  // namespace millrace::gpu
