#include "cpu/panel_tables.hpp"

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__) && defined(__AVX512DQ__) && \
    defined(__AVX512VNNI__)
#include "cpu/simd_panels_avx512vnni.hpp"

namespace millrace {

const PanelKernels* avx512vnni_panels() {
  static constexpr PanelKernels kKernels = make_panel_kernels<Avx512VnniPanels>(ActivationForm::kInt8);
  return &kKernels;
}

}  // namespace millrace
#else
namespace millrace {

const PanelKernels* avx512vnni_panels() {
  return nullptr;
}

}  // namespace millrace
#endif
