#pragma once
#include "cpu/panels.hpp"

namespace millrace::test {

// The kernels for tiles, over an imitation of the processor's: they run where there is AVX-512 with BF16 and
// no AMX. Null where the compiler could not make them.
const PanelKernels* imitated_tile_panels(bool one_method);

}  // namespace millrace::test
