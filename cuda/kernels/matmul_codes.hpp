// Codes of card_matrix.hpp as the tensor cores take them: two elements of T to a word, exact.
#pragma once
#include <cstdint>

#include "kernels/card_matrix.hpp"
#include "platform/block.hpp"

namespace millrace::gpu {

template <typename T>
struct Pairs;

template <>
struct Pairs<bf16> {
  static constexpr std::uint32_t kOnes = 0x3F803F80;

  // Codes in bits 0 to 3 and 16 to 19, less kZero. As the last bits of 128 they are 128 + code.
  template <int kZero>
  static __device__ std::uint32_t of_int4(std::uint32_t word) {
#if defined(__CUDA_ARCH__)
    constexpr std::uint32_t kOffset = 0xC300C300U | kZero * 0x00010001U;
    const std::uint32_t sum = (word & 0x000F000FU) | 0x43004300U;
    std::uint32_t out;
    asm("fma.rn.bf16x2 %0, %1, %2, %3;" : "=r"(out) : "r"(sum), "r"(kOnes), "r"(kOffset));
    return out;
#else
    return pair(static_cast<float>(static_cast<int>(word & 15U) - kZero),
                static_cast<float>(static_cast<int>(word >> 16 & 15U) - kZero));
#endif
  }

  // Bytes kFirst and kFirst + 1, less 128. As the last bits of 2^23 they are F32, whose upper halves are all
  // that they need.
  template <int kFirst>
  static __device__ std::uint32_t of_int8(std::uint32_t word) {
#if defined(__CUDA_ARCH__)
    constexpr float kOffset = 8388608.0F + 128;
    const float low = bits_to_float(__byte_perm(word, 0x4B000000U, 0x7650 + kFirst)) - kOffset;
    const float high = bits_to_float(__byte_perm(word, 0x4B000000U, 0x7651 + kFirst)) - kOffset;
    return __byte_perm(float_to_bits(low), float_to_bits(high), 0x7632);
#else
    return pair(static_cast<float>(static_cast<int>(word >> (8 * kFirst) & 255U) - 128),
                static_cast<float>(static_cast<int>(word >> (8 * kFirst + 8) & 255U) - 128));
#endif
  }

 private:
  static __device__ std::uint32_t pair(float low, float high) {
    return from_float<bf16>(low).bits | static_cast<std::uint32_t>(from_float<bf16>(high).bits) << 16;
  }
};

template <>
struct Pairs<f16> {
  static constexpr std::uint32_t kOnes = 0x3C003C00;

  // As the last bits of 1024.
  template <int kZero>
  static __device__ std::uint32_t of_int4(std::uint32_t word) {
#if defined(__CUDA_ARCH__)
    constexpr std::uint32_t kOffset = 0xE400E400U | kZero * 0x00010001U;
    return sum((word & 0x000F000FU) | 0x64006400U, kOffset);
#else
    return pair(static_cast<float>(static_cast<int>(word & 15U) - kZero),
                static_cast<float>(static_cast<int>(word >> 16 & 15U) - kZero));
#endif
  }

  template <int kFirst>
  static __device__ std::uint32_t of_int8(std::uint32_t word) {
#if defined(__CUDA_ARCH__)
    return sum(__byte_perm(word, 0x64646464U, 0x4140 + kFirst * 0x0101), 0xE480E480U);
#else
    return pair(static_cast<float>(static_cast<int>(word >> (8 * kFirst) & 255U) - 128),
                static_cast<float>(static_cast<int>(word >> (8 * kFirst + 8) & 255U) - 128));
#endif
  }

 private:
#if defined(__CUDA_ARCH__)
  static __device__ std::uint32_t sum(std::uint32_t a, std::uint32_t b) {
    std::uint32_t out;
    asm("add.rn.f16x2 %0, %1, %2;" : "=r"(out) : "r"(a), "r"(b));
    return out;
  }
#else
  static __device__ std::uint32_t pair(float low, float high) {
    return from_float<f16>(low).bits | static_cast<std::uint32_t>(from_float<f16>(high).bits) << 16;
  }
#endif
};

// A lane's four elements of one step, from its quarter of a block.
template <typename T, CardFormat kFormat>
__device__ inline void widen_step(const Vec<std::uint32_t, 4>& quarter, int step, std::uint32_t& first,
                                  std::uint32_t& second) {
  if constexpr (kFormat == CardFormat::kInt8) {
    first = Pairs<T>::template of_int8<0>(quarter.at[step]);
    second = Pairs<T>::template of_int8<2>(quarter.at[step]);
  } else {
    constexpr int kZero = kFormat == CardFormat::kInt4 ? 8 : 0;
    const std::uint32_t word = quarter.at[step / 2] >> (8 * (step % 2));
    first = Pairs<T>::template of_int4<kZero>(word);
    second = Pairs<T>::template of_int4<kZero>(word >> 4);
  }
}

}  // namespace millrace::gpu
