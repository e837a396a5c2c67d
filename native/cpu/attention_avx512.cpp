#include "cpu/attention_kernels.hpp"

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__) && defined(__AVX512DQ__)
#include "cpu/simd_attention.hpp"
#include "cpu/simd_attention_avx512.hpp"

namespace millrace {

const AttentionKernels* avx512_attention() {
  static constexpr AttentionKernels kKernels = make_attention<Avx512Attention>();
  return &kKernels;
}

}  // namespace millrace
#else
namespace millrace {

const AttentionKernels* avx512_attention() {
  return nullptr;
}

}  // namespace millrace
#endif
