// Rows of elements as checkpoints and the KV cache hold them, widened to one vector type S (Avx2, Avx512).
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "cpu/kernels.hpp"

namespace millrace {
namespace {

// A row is read 32 elements (one Step) at a time or in vectors.
template <class S>
struct RowF32 {
  struct Step {};
  static Step step(const std::byte*, std::int64_t) { return {}; }
  static typename S::F load(const std::byte* row, std::int64_t k, Step) {
    return S::load(reinterpret_cast<const float*>(row + k * 4));
  }
  static typename S::F load_part(const std::byte* row, std::int64_t k, std::int64_t n) {
    return S::load_part(reinterpret_cast<const float*>(row + k * 4), n);
  }
};

template <class S>
struct RowF16 {
  struct Step {};
  static Step step(const std::byte*, std::int64_t) { return {}; }
  static typename S::F load(const std::byte* row, std::int64_t k, Step) { return S::load_f16(row + k * 2); }
  static typename S::F load_part(const std::byte* row, std::int64_t k, std::int64_t n) {
    return S::load_f16_part(row + k * 2, n);
  }
};

template <class S>
struct RowBF16 {
  struct Step {};
  static Step step(const std::byte*, std::int64_t) { return {}; }
  static typename S::F load(const std::byte* row, std::int64_t k, Step) { return S::load_bf16(row + k * 2); }
  static typename S::F load_part(const std::byte* row, std::int64_t k, std::int64_t n) {
    return S::load_bf16_part(row + k * 2, n);
  }
};

// F16 to F32. The usual case takes whole-number instructions only, which the vector units do not share.
inline float widen_scale(const std::byte* from) {
  std::uint16_t h;
  std::memcpy(&h, from, sizeof h);
  std::uint32_t bits = (static_cast<std::uint32_t>(h & 0x8000U) << 16) |
                       ((static_cast<std::uint32_t>(h & 0x7FFFU) << 13) + 0x38000000U);
  const unsigned exponent = h & 0x7C00U;
  if (exponent == 0 || exponent == 0x7C00U) [[unlikely]]
    return _cvtsh_ss(h);
  float scale;
  std::memcpy(&scale, &bits, sizeof scale);
  return scale;
}

// A Q8_0 row: blocks of an F16 scale and 32 int8. The product of both is exact in F32.
template <class S>
struct RowQ8 {
  struct Step {
    typename S::F scale;
  };
  static Step step(const std::byte* row, std::int64_t k) { return {S::set(widen_scale(row + k / 32 * 34))}; }
  static typename S::F load(const std::byte* row, std::int64_t k, Step s) {
    return S::mul(s.scale, S::load_int8(row + k / 32 * 34 + 2 + k % 32));
  }
  // Rows are whole blocks: never called.
  static typename S::F load_part(const std::byte*, std::int64_t, std::int64_t) { return S::zero(); }
};

}  // namespace
}  // namespace millrace
