// Vector forms of the loops over logits (runtime/logit_kernels.hpp). Includes what kernel files may.
#pragma once
#include "cpu/isa.hpp"
#include "runtime/logit_kernels.hpp"

namespace millrace {

enum class Isa : std::uint8_t;  // isa.hpp

// Null where the compiler could not make them. Whether the processor runs them is has_isa()'s to say.
const LogitKernels* avx2_logit_kernels();
const LogitKernels* avx512_logit_kernels();

// The scalar ones where the instruction set has none. has_isa(isa) is true.
const LogitKernels& logit_kernels_for(Isa isa);

}  // namespace millrace
