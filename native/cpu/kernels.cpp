#include "cpu/kernels.hpp"

#include <string>

#include "core/error.hpp"
#include "cpu/attention_kernels.hpp"
#include "cpu/cpu_device.hpp"
#include "cpu/features.hpp"

namespace millrace {

bool has_isa(Isa isa) {
  switch (isa) {
    case Isa::kScalar:
      return true;
    case Isa::kAvx2:
      return cpu_features().avx2 && avx2_kernels() != nullptr;
    case Isa::kAvx512:
      return cpu_features().avx512 && avx512_kernels() != nullptr;
  }
  return false;
}

Isa best_isa() {
  if (has_isa(Isa::kAvx512)) return Isa::kAvx512;
  return has_isa(Isa::kAvx2) ? Isa::kAvx2 : Isa::kScalar;
}

const Kernels& kernels_for(Isa isa) {
  if (!has_isa(isa)) {
    throw Error("ERR_UNSUPPORTED_ISA",
                std::string("this processor or this build has no ") +
                    (isa == Isa::kAvx512 ? "AVX-512 (F, BW, VL, DQ)" : "AVX2 with FMA and F16C") +
                    "; choose kernels 'auto', or 'scalar', which runs everywhere");
  }
  switch (isa) {
    case Isa::kAvx2:
      return *avx2_kernels();
    case Isa::kAvx512:
      return *avx512_kernels();
    case Isa::kScalar:
      break;
  }
  return scalar_kernels();
}

const AttentionKernels& attention_for(Isa isa) {
  switch (isa) {
    case Isa::kAvx2:
      return *avx2_attention();
    case Isa::kAvx512:
      return cpu_features().avx512_bf16 && avx512bf16_attention() != nullptr ? *avx512bf16_attention()
                                                                             : *avx512_attention();
    case Isa::kScalar:
      break;
  }
  return scalar_attention();
}

}  // namespace millrace
