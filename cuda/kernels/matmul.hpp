#pragma once
#include <cstdint>
#include <optional>

#include "platform/runtime.hpp"
#include "runtime/device.hpp"

namespace millrace::gpu {

class CardWeight;       // device/card_weight.hpp
struct ProductLibrary;  // kernels/matmul_library.hpp

// y = x · wᵀ + bias, MatmulArgs of runtime/device.hpp: with an activation, w is gate stacked on up.
//
// The same product of the same shape on the same kind of card has the same bits every time. A row's bits can
// differ with the rows beside it: up to 16 rows are one kernel, whose results do not depend on how many there
// are; more rows add up in another order. Products are summed in F32 and rounded once, to y; but where
// cuBLASLt computes activation(gate) * up in BF16, gate and up are rounded too.
template <typename T>
struct MatmulParams {
  const T* x;  // (rows, w.cols); fast when it and x_stride are multiples of 16 bytes, and cols one of 8
  std::int64_t x_stride;
  const CardWeight* weight;
  const float* bias;  // (w.rows,) or null
  void* y;            // of T, or of float with y_is_float (logits)
  std::int64_t y_stride;
  int rows;
  bool y_is_float;
  std::optional<Activation> activation;
  int multiprocessors;
  void* workspace;  // matmul_workspace_bytes() with the same library, aligned to 256
  const ProductLibrary* library = nullptr;
  const T* narrow_bias = nullptr;  // bias in T: with null, a product with bias is not the library's
};

// For any number of rows up to `max_rows`. Products that follow each other on a stream may share it.
std::int64_t matmul_workspace_bytes(int max_rows, const CardWeight& weight, bool gated, int multiprocessors,
                                    const ProductLibrary* library = nullptr);

// For T = float, bf16, f16: the type that the weight's uploader was made for.
template <typename T>
void launch_matmul(Stream& stream, const MatmulParams<T>& params);

// Rows of the table, by token id.
template <typename T>
void launch_embed(Stream& stream, const CardWeight& table, const std::int32_t* token_ids, T* out,
                  std::int64_t out_stride, int tokens);

}  // namespace millrace::gpu
