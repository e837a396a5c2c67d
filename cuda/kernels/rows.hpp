#pragma once
#include <cstdint>

#include "platform/runtime.hpp"

namespace millrace::gpu {

// Rows of a matrix. Rows are `stride` elements apart; cols is a multiple of 8, and so are the strides. For
// T = float, bf16, f16.

// x += delta.
template <typename T>
void launch_add(Stream& stream, T* x, std::int64_t x_stride, const T* delta, std::int64_t delta_stride,
                int rows, int cols);

// out[i] = x[indices[i]].
template <typename T>
void launch_gather_rows(Stream& stream, const T* x, std::int64_t x_stride, const std::int32_t* indices,
                        T* out, std::int64_t out_stride, int rows, int cols);

}  // namespace millrace::gpu
