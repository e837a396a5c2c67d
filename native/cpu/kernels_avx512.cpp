#include "cpu/kernels.hpp"

namespace millrace {
const Kernels* avx512_kernels() {
  return nullptr;
}
}  // namespace millrace
