#include "cpu/kernels.hpp"

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__) && defined(__AVX512DQ__)
#include "cpu/simd_avx512.hpp"
// The vector type comes first: the templates use it.
#include "cpu/simd_elementwise.hpp"

namespace millrace {

const Kernels* avx512_kernels() {
  static constexpr Kernels kKernels = make_kernels<Avx512>();
  return &kKernels;
}

}  // namespace millrace
#else
namespace millrace {

const Kernels* avx512_kernels() {
  return nullptr;
}

}  // namespace millrace
#endif
