// The tensor cores: products of small matrices by a warp, and loads in the layout they want.
//
// D (16, 8) += A (16, 16) · B (16, 8). With group = lane / 4 and pair = lane % 4 * 2, a lane holds
//   a[0] A[group][pair, +1]      a[1] A[group + 8][pair, +1]
//   a[2] A[group][pair + 8, +9]  a[3] A[group + 8][pair + 8, +9]
//   b[0] B[pair, +1][group]      b[1] B[pair + 8, +9][group]
//   d[0, 1] D[group][pair, +1]   d[2, 3] D[group + 8][pair, +1]
// two 16-bit elements to a word, the first in the low half.
#pragma once
#include <cstdint>

#include "platform/block.hpp"

namespace millrace::gpu {

// Two elements, rounded, as the operands above hold them.
template <typename T>
__device__ inline std::uint32_t pack_pair(float low, float high) {
  return from_float<T>(low).bits | static_cast<std::uint32_t>(from_float<T>(high).bits) << 16;
}

#if defined(__CUDA_ARCH__)

template <>
__device__ inline std::uint32_t pack_pair<bf16>(float low, float high) {
  std::uint32_t out;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(out) : "f"(high), "f"(low));
  return out;
}

template <>
__device__ inline std::uint32_t pack_pair<f16>(float low, float high) {
  std::uint32_t out;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(out) : "f"(high), "f"(low));
  return out;
}

#endif

// An 8 x 8 matrix of which a lane holds row lane / 4, elements lane % 4 * 2 and the next: its transpose, held
// in the same way.
__device__ inline std::uint32_t transpose_matrix(std::uint32_t word) {
  const int lane = static_cast<int>(threadIdx.x) % kWarpLanes, row = lane / 4, pair = lane % 4 * 2;
  const std::uint32_t low = __shfl_sync(kFullWarp, word, pair * 4 + row / 2);
  const std::uint32_t high = __shfl_sync(kFullWarp, word, pair * 4 + 4 + row / 2);
  return __byte_perm(low, high, row % 2 == 0 ? 0x5410U : 0x7632U);
}

template <typename T>
__device__ inline void multiply_16x8x16(float (&d)[4], const std::uint32_t (&a)[4],
                                        const std::uint32_t (&b)[2]);

#if defined(__CUDACC__)

template <>
__device__ inline void multiply_16x8x16<bf16>(float (&d)[4], const std::uint32_t (&a)[4],
                                              const std::uint32_t (&b)[2]) {
#if defined(__CUDA_ARCH__)
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#endif
}

template <>
__device__ inline void multiply_16x8x16<f16>(float (&d)[4], const std::uint32_t (&a)[4],
                                             const std::uint32_t (&b)[2]) {
#if defined(__CUDA_ARCH__)
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#endif
}

// Four matrices of 8 x 8 16-bit elements from shared memory. Lane 8 i + r gives the address of row r of
// matrix i, a multiple of 16 bytes; of each matrix a lane gets row lane / 4, elements lane % 4 * 2 and the
// next.
__device__ inline void load_matrices(std::uint32_t (&out)[4], const void* row) {
#if defined(__CUDA_ARCH__)
  const auto from = static_cast<std::uint32_t>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
               : "r"(from)
               : "memory");
#endif
}

// The same, each matrix transposed: a lane gets rows lane % 4 * 2 and the next of column lane / 4.
__device__ inline void load_matrices_transposed(std::uint32_t (&out)[4], const void* row) {
#if defined(__CUDA_ARCH__)
  const auto from = static_cast<std::uint32_t>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
               : "r"(from)
               : "memory");
#endif
}

#else

// The emulation of the same, emulation/matrix_units.cpp.
template <>
void multiply_16x8x16<bf16>(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]);
template <>
void multiply_16x8x16<f16>(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]);
void load_matrices(std::uint32_t (&out)[4], const void* row);
void load_matrices_transposed(std::uint32_t (&out)[4], const void* row);

#endif

}  // namespace millrace::gpu
