#include "cpu/isa.hpp"

#include <string>

#include "core/error.hpp"
#include "cpu/attention_kernels.hpp"
#include "cpu/features.hpp"
#include "cpu/kernels.hpp"
#include "cpu/panel_tables.hpp"

namespace millrace {

const char* isa_name(Isa isa) {
  switch (isa) {
    case Isa::kScalar:
      return "scalar";
    case Isa::kAvx2:
      return "avx2";
    case Isa::kAvx512:
      return "avx512";
    case Isa::kAvx512Vnni:
      return "avx512-vnni";
    case Isa::kAvx512Bf16:
      return "avx512-bf16";
    case Isa::kAmx:
      return "amx";
  }
  return "?";
}

std::optional<Isa> parse_isa(std::string_view name) {
  for (const Isa isa : kIsas) {
    if (name == isa_name(isa)) return isa;
  }
  return std::nullopt;
}

bool has_isa(Isa isa) {
  const CpuFeatures& cpu = cpu_features();
  switch (isa) {
    case Isa::kScalar:
      return true;
    case Isa::kAvx2:
      return cpu.avx2 && avx2_kernels() != nullptr && avx2_panels() != nullptr;
    case Isa::kAvx512:
      return cpu.avx512 && avx512_kernels() != nullptr && avx512_panels() != nullptr;
    case Isa::kAvx512Vnni:
      return has_isa(Isa::kAvx512) && cpu.avx512_vnni && avx512vnni_panels() != nullptr;
    case Isa::kAvx512Bf16:
      return has_isa(Isa::kAvx512Vnni) && cpu.avx512_bf16 && avx512bf16_panels() != nullptr;
    case Isa::kAmx:
      return has_isa(Isa::kAvx512Bf16) && cpu.amx_bf16 && amx_panels(false) != nullptr && may_use_tiles();
  }
  return false;
}

Isa best_isa() {
  Isa best = Isa::kScalar;
  for (const Isa isa : kIsas) {
    if (has_isa(isa)) best = isa;
  }
  return best;
}

namespace {

void require_isa(Isa isa) {
  if (has_isa(isa)) return;
  throw Error("ERR_UNSUPPORTED_ISA", "this processor or this build has no kernels '" +
                                         std::string(isa_name(isa)) + "': the best here are '" +
                                         isa_name(best_isa()) + "'. Choose those, or 'auto'.");
}

}  // namespace

const Kernels& kernels_for(Isa isa) {
  require_isa(isa);
  if (isa >= Isa::kAvx512) return *avx512_kernels();
  return isa == Isa::kAvx2 ? *avx2_kernels() : scalar_kernels();
}

const AttentionKernels& attention_for(Isa isa) {
  if (isa >= Isa::kAvx512Bf16) return *avx512bf16_attention();
  if (isa >= Isa::kAvx512) return *avx512_attention();
  return isa == Isa::kAvx2 ? *avx2_attention() : scalar_attention();
}

const PanelKernels& panels_for(Isa isa, bool deterministic) {
  require_isa(isa);
  switch (isa) {
    case Isa::kScalar:
      break;
    case Isa::kAvx2:
      return *avx2_panels();
    case Isa::kAvx512:
      return *avx512_panels();
    case Isa::kAvx512Vnni:
      return *avx512vnni_panels();
    case Isa::kAvx512Bf16:
      return *avx512bf16_panels();
    case Isa::kAmx:
      return *amx_panels(deterministic);
  }
  return scalar_panels();
}

}  // namespace millrace
