// The widths of heads that the kernels on tensor cores are made for.
#pragma once
#include <type_traits>

namespace millrace::gpu {

// Calls fn with the width as a constant. False, and nothing is called, for every other width.
template <typename Fn>
bool with_head_width(int head_dim, const Fn& fn) {
  switch (head_dim) {
    case 64:
      fn(std::integral_constant<int, 64>{});
      return true;
    case 80:
      fn(std::integral_constant<int, 80>{});
      return true;
    case 96:
      fn(std::integral_constant<int, 96>{});
      return true;
    case 128:
      fn(std::integral_constant<int, 128>{});
      return true;
    case 256:
      fn(std::integral_constant<int, 256>{});
      return true;
    default:
      return false;
  }
}

inline bool is_tensor_width(int head_dim) {
  return with_head_width(head_dim, [](auto) {});
}

}  // namespace millrace::gpu
