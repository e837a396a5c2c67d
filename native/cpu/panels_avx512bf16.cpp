#include "cpu/panel_tables.hpp"

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__) && defined(__AVX512DQ__) && \
    defined(__AVX512VNNI__) && defined(__AVX512BF16__)
#include "cpu/simd_panels_avx512bf16.hpp"

namespace millrace {

const PanelKernels* avx512bf16_panels() {
  static constexpr PanelKernels kKernels = make_bf16_panel_kernels();
  return &kKernels;
}

}  // namespace millrace
#else
namespace millrace {

const PanelKernels* avx512bf16_panels() {
  return nullptr;
}

}  // namespace millrace
#endif
