// As Avx512VnniPanels, with dot products of BF16.
#pragma once
#include "cpu/simd_panels_avx512vnni.hpp"

namespace millrace {
namespace {

struct Avx512Bf16Panels : Avx512VnniPanels {
  static F dot_bf16(F sum, I x, I w) {
    return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(x), reinterpret_cast<__m512bh>(w));
  }
};

constexpr PanelKernels make_bf16_panel_kernels() {
  PanelKernels kernels = make_panel_kernels<Avx512VnniPanels>(ActivationForm::kInt8);
  constexpr int kBf16 = static_cast<int>(PanelFormat::kBF16);
  kernels.few[kBf16] = kernels.many[kBf16] = {
      ActivationForm::kBF16, multiply_panels<Bf16DotPanels<Avx512Bf16Panels>, Avx512Bf16Panels::FloatShape>,
      false};
  return kernels;
}

}  // namespace
}  // namespace millrace
