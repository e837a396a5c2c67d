#pragma once
#include <cstdint>
#include <optional>

#include "platform/runtime.hpp"
#include "runtime/device.hpp"

namespace millrace::gpu {

class CardWeight;  // device/card_weight.hpp

// y = x · wᵀ + bias, MatmulArgs of runtime/device.hpp: with an activation, w is gate stacked on up.
template <typename T>
struct MatmulParams {
  const T* x;  // (rows, w.cols)
  std::int64_t x_stride;
  const CardWeight* weight;
  const float* bias;  // (w.rows,) or null
  void* y;            // of T, or of float with y_is_float (logits)
  std::int64_t y_stride;
  int rows;
  bool y_is_float;
  std::optional<Activation> activation;
  int multiprocessors;
  void* workspace;  // matmul_workspace_bytes()
};

std::int64_t matmul_workspace_bytes(int max_rows, const CardWeight& weight);

template <typename T>
void launch_matmul(Stream& stream, const MatmulParams<T>& params);

// Rows of the table, by token id.
template <typename T>
void launch_embed(Stream& stream, const CardWeight& table, const std::int32_t* token_ids, T* out,
                  std::int64_t out_stride, int tokens);

}  // namespace millrace::gpu
