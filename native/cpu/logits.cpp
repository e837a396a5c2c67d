#include "cpu/logits.hpp"

#include "cpu/isa.hpp"

namespace millrace {

const LogitKernels& logit_kernels_for(Isa isa) {
  const LogitKernels* vector = isa >= Isa::kAvx512 ? avx512_logit_kernels()
                               : isa == Isa::kAvx2 ? avx2_logit_kernels()
                                                   : nullptr;
  return vector != nullptr ? *vector : scalar_logit_kernels();
}

}  // namespace millrace
