#include "cpu/panel_tables.hpp"

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__) && defined(__AVX512DQ__)
#include "cpu/simd_panels_avx512.hpp"

namespace millrace {

const PanelKernels* avx512_panels() {
  static constexpr PanelKernels kKernels = make_panel_kernels<Avx512Panels>(ActivationForm::kInt16);
  return &kKernels;
}

}  // namespace millrace
#else
namespace millrace {

const PanelKernels* avx512_panels() {
  return nullptr;
}

}  // namespace millrace
#endif
