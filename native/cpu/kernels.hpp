// The inner loops of the CPU device, as a table of plain functions: one table per instruction set. Files
// that are compiled for an instruction set include this, <cstdint>, <cstring> and <immintrin.h> and nothing
// else: an inline function of a shared header compiled there could be the copy that the linker keeps for
// everybody.
#pragma once
#include <cstddef>
#include <cstdint>

namespace millrace {

enum class Isa : std::uint8_t { kScalar, kAvx2, kAvx512 };

// y[i * y_stride + j] = dot(row i of x, row j of w) over k elements.
struct DotTile {
  const float* x;
  std::int64_t x_stride;  // elements
  int m;                  // rows of x
  const std::byte* w;     // in the element type of the function; not aligned
  std::int64_t w_stride;  // bytes
  int n;                  // rows of w
  std::int64_t k;
  float* y;
  std::int64_t y_stride;
};

// Arrays are indexed by DType. Every function gives the same bits for one output element whatever else is
// in the call: m and n change the speed only.
struct Kernels {
  Isa isa;
  // Up to this many rows of x, dots() is fastest on the weights as they are; beyond it, on weights that were
  // widened first. The bits are the same, since widening is exact.
  int in_place_rows[4];
  int tile_rows;  // rows of x that dots() takes at about the cost of one
  void (*dots[4])(const DotTile& tile);
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
