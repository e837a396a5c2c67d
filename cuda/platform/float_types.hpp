// 16-bit floats as kernels keep them in memory. Arithmetic is done in F32.
#pragma once
#include <cstdint>

#include "platform/names.hpp"

namespace millrace::gpu {

struct bf16 {
  std::uint16_t bits;
};

struct f16 {
  std::uint16_t bits;
};

__host__ __device__ inline float bits_to_float(std::uint32_t bits) {
  union {
    std::uint32_t from;
    float to;
  } u = {bits};
  return u.to;
}

__host__ __device__ inline std::uint32_t float_to_bits(float x) {
  union {
    float from;
    std::uint32_t to;
  } u = {x};
  return u.to;
}

__host__ __device__ inline std::uint64_t double_to_bits(double x) {
  union {
    double from;
    std::uint64_t to;
  } u = {x};
  return u.to;
}

__host__ __device__ inline float to_float(float x) {
  return x;
}

__host__ __device__ inline float to_float(bf16 x) {
  return bits_to_float(static_cast<std::uint32_t>(x.bits) << 16);
}

__host__ __device__ inline float to_float(f16 x) {
#if defined(__CUDA_ARCH__)
  float out;
  asm("cvt.f32.f16 %0, %1;" : "=f"(out) : "h"(x.bits));
  return out;
#else
  const std::uint32_t sign = (x.bits & 0x8000U) << 16, rest = x.bits & 0x7FFFU;
  if (rest >= 0x7C00U) return bits_to_float(sign | 0x7F800000U | (rest & 0x3FFU) << 13);  // infinity, NaN
  // A power of two moves the exponent's bias, and makes subnormal numbers normal.
  const float value = bits_to_float(rest << 13) * 0x1p112F;
  return sign != 0 ? -value : value;
#endif
}

template <typename T>
__host__ __device__ T from_float(float x);

template <>
__host__ __device__ inline float from_float<float>(float x) {
  return x;
}

// To nearest, ties to even; NaN stays NaN.
template <>
__host__ __device__ inline bf16 from_float<bf16>(float x) {
#if defined(__CUDA_ARCH__)
  bf16 out;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(out.bits) : "f"(x));
  return out;
#else
  const std::uint32_t bits = float_to_bits(x);
  if ((bits & 0x7FFFFFFFU) > 0x7F800000U) return {0x7FFF};
  return {static_cast<std::uint16_t>((bits + 0x7FFFU + (bits >> 16 & 1U)) >> 16)};
#endif
}

template <>
__host__ __device__ inline f16 from_float<f16>(float x) {
#if defined(__CUDA_ARCH__)
  f16 out;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(out.bits) : "f"(x));
  return out;
#else
  const std::uint32_t bits = float_to_bits(x), sign = bits >> 16 & 0x8000U, rest = bits & 0x7FFFFFFFU;
  if (rest > 0x7F800000U) return {0x7FFF};
  if (rest >= 0x477FF000U) return {static_cast<std::uint16_t>(sign | 0x7C00U)};
  if (rest < 0x38800000U) {  // subnormal: adding 0.5 leaves the rounded multiple of 2^-24 in the low bits
    const std::uint32_t low = float_to_bits(bits_to_float(rest) + 0.5F) - 0x3F000000U;
    return {static_cast<std::uint16_t>(sign | low)};
  }
  const std::uint32_t rounded = rest + 0xFFFU + (rest >> 13 & 1U) - 0x38000000U;
  return {static_cast<std::uint16_t>(sign | rounded >> 13)};
#endif
}

// N elements that are loaded and stored at once; its address is a multiple of its size.
template <typename T, int N>
struct alignas(sizeof(T) * N) Vec {
  T at[N];
};

}  // namespace millrace::gpu
