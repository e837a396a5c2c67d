#pragma once
#include "core/dtype.hpp"
#include "platform/float_types.hpp"

namespace millrace::gpu {

// Calls fn with a value of the cache's element type: T itself, or a smaller one beside T = float.
template <typename T, typename Fn>
void with_kv_type(DType dtype, const Fn& fn) {
  if constexpr (sizeof(T) == sizeof(float)) {
    if (dtype == DType::kBF16) return fn(bf16{});
    if (dtype == DType::kF16) return fn(f16{});
  }
  fn(T{});
}

}  // namespace millrace::gpu
