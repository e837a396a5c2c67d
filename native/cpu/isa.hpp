#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

namespace millrace {

struct Kernels;
struct PanelKernels;

// Levels of the CPU kernels, each with all of those before it.
enum class Isa : std::uint8_t {
  kScalar,
  kAvx2,        // with FMA and F16C
  kAvx512,      // F, BW, VL and DQ
  kAvx512Vnni,  // dot products of bytes
  kAvx512Bf16,  // dot products of BF16
  kAmx,         // tiles of BF16
};
constexpr Isa kIsas[] = {Isa::kScalar,     Isa::kAvx2,       Isa::kAvx512,
                         Isa::kAvx512Vnni, Isa::kAvx512Bf16, Isa::kAmx};

// As in the option `kernels`: "scalar", "avx2", "avx512", "avx512-vnni", "avx512-bf16", "amx".
const char* isa_name(Isa isa);
std::optional<Isa> parse_isa(std::string_view name);

// Whether this processor, its operating system and this build have it.
bool has_isa(Isa isa);
// The highest that they have.
Isa best_isa();
// The tables of a level. Throws ERR_UNSUPPORTED_ISA, naming what there is. `deterministic`: the bits of a
// product do not depend on the rows beside it, at the price of some speed where tiles are used.
const Kernels& kernels_for(Isa isa);
const PanelKernels& panels_for(Isa isa, bool deterministic);

}  // namespace millrace
