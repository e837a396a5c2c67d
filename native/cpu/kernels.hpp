// The inner loops of the CPU device but for products (panels.hpp), as a table of plain functions: one table
// per instruction set. Files that are compiled for an instruction set include this, <cstdint>, <cstring> and
// <immintrin.h> and nothing else: an inline function of a shared header compiled there could be the copy that
// the linker keeps for everybody.
#pragma once
#include <cstddef>
#include <cstdint>

namespace millrace {

// Arrays are indexed by DType.
struct Kernels {
  // Exact.
  void (*widen[4])(const std::byte* from, float* to, std::int64_t count);
  // To F32, F16 or BF16: to the nearest, ties to even.
  void (*narrow[3])(const float* from, std::byte* to, std::int64_t count);
  // x += delta when given; out = x / sqrt(mean(x^2) + epsilon) * weight. out may be x.
  void (*rms_norm)(float* x, const float* delta, const float* weight, float epsilon, std::int64_t count,
                   float* out);
  // out = silu(gate) * up, and the two forms of GELU. Indexed by Activation.
  void (*gated[3])(const float* gate, const float* up, float* out, std::int64_t count);
  void (*add)(float* x, const float* delta, std::int64_t count);
};

const Kernels& scalar_kernels();
// Null where the compiler could not make them. Whether the processor runs them is cpu_features()'s to say.
const Kernels* avx2_kernels();
const Kernels* avx512_kernels();

// GELU with erf, which has no vector form here: every table uses this one.
void gelu_mul_scalar(const float* gate, const float* up, float* out, std::int64_t count);

}  // namespace millrace
