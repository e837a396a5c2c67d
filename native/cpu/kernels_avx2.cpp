#include "cpu/kernels.hpp"

#if defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
#include "cpu/simd_avx2.hpp"
// The vector type comes first: the templates use it.
#include "cpu/simd_elementwise.hpp"

namespace millrace {

const Kernels* avx2_kernels() {
  static constexpr Kernels kKernels = make_kernels<Avx2>();
  return &kKernels;
}

}  // namespace millrace
#else
namespace millrace {

const Kernels* avx2_kernels() {
  return nullptr;
}

}  // namespace millrace
#endif
