#pragma once
#include <cstdint>

#include "platform/runtime.hpp"

namespace millrace::gpu {

// x += delta (when given); out = x / rms(x) * weight. Rows are `stride` elements apart; cols is a multiple of
// 8, and so are the strides.
template <typename T>
struct NormParams {
  T* x;
  std::int64_t x_stride;
  const T* delta;  // null: nothing is added
  std::int64_t delta_stride;
  const float* weight;  // (cols,), aligned to 16 bytes
  T* out;
  std::int64_t out_stride;
  int rows;
  int cols;
  float epsilon;
};

// For T = float, bf16, f16.
template <typename T>
void launch_norm(Stream& stream, const NormParams<T>& params);

}  // namespace millrace::gpu
