// The kernels that matmul.cu chooses from, and what they share. Each computes one product with one matrix.
#pragma once
#include <cstdint>

#include "kernels/activation.hpp"
#include "kernels/card_matrix.hpp"
#include "platform/runtime.hpp"

namespace millrace::gpu {

enum class Output : std::uint8_t { kActivations, kFloats };

// y (rows, outputs) = x · wᵀ + bias, or activation(x · gateᵀ) * (x · upᵀ) where w is stacked of gate and up.
template <typename T>
struct Product {
  const T* x;
  std::int64_t x_stride;
  CardMatrix w;
  const float* bias;     // (outputs,) or null
  const T* narrow_bias;  // the same in T, for cuBLASLt; may be null
  void* y;
  std::int64_t y_stride;
  Output output;
  int rows;
  bool gated;
  Activation activation;  // when gated

  [[nodiscard]] __host__ __device__ int outputs() const { return gated ? w.rows / 2 : w.rows; }
};

// Stores one output; `up` is for gated products.
template <typename T>
__device__ inline void store_output(const Product<T>& p, int row, int col, float sum, float up) {
  if (p.bias != nullptr) sum += p.bias[col];
  if (p.gated) sum = activated(p.activation, sum) * up;
  const std::int64_t at = row * p.y_stride + col;
  if (p.output == Output::kFloats) {
    static_cast<float*>(p.y)[at] = sum;
  } else {
    static_cast<T*>(p.y)[at] = from_float<T>(sum);
  }
}

// Any shape, any format, any alignment, at a plain speed.
template <typename T>
void launch_plain_product(Stream& stream, const Product<T>& product);

// The others are for T = bf16 and f16, with codes or floats of type T; p.x is aligned to 16 bytes, p.x_stride
// and the columns are multiples of 8.

constexpr int kMostStreamRows = 16;
// Up to kMostStreamRows rows. The bits of a row do not depend on how many there are.
template <typename T>
void launch_stream_product(Stream& stream, const Product<T>& p, int multiprocessors);

// Any number of rows. Of a gated product with codes, the outputs are a multiple of 8.
std::int64_t tile_workspace_bytes(int multiprocessors);
template <typename T>
void launch_tile_product(Stream& stream, const Product<T>& p, int multiprocessors, void* workspace);

}  // namespace millrace::gpu
