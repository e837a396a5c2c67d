// The tables of product kernels, one per instruction set. Null where the compiler could not make them.
#pragma once
#include "cpu/panels.hpp"

namespace millrace {

const PanelKernels& scalar_panels();
const PanelKernels* avx2_panels();
const PanelKernels* avx512_panels();
const PanelKernels* avx512vnni_panels();
const PanelKernels* avx512bf16_panels();
// With `one_method`, how a row is multiplied does not depend on how many there are.
const PanelKernels* amx_panels(bool one_method);

}  // namespace millrace
