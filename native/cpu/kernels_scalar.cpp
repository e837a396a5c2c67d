// The plain form of every kernel: what the others are tested against, and what runs where there is no other.
#include <algorithm>
#include <cmath>

#include "core/convert.hpp"
#include "core/dtype.hpp"
#include "cpu/kernels.hpp"
#include "runtime/model_spec.hpp"

namespace millrace {
namespace {

static_assert(static_cast<int>(DType::kF32) == 0 && static_cast<int>(DType::kF16) == 1 &&
                  static_cast<int>(DType::kBF16) == 2 && static_cast<int>(DType::kQ8_0) == 3,
              "the tables of Kernels are in this order");
static_assert(static_cast<int>(Activation::kSilu) == 0 && static_cast<int>(Activation::kGelu) == 1 &&
                  static_cast<int>(Activation::kGeluTanh) == 2,
              "Kernels::gated is in this order");

template <DType kType>
float element(const std::byte* row, std::int64_t i) {
  if constexpr (kType == DType::kF32) {
    return load_unaligned<float>(row + i * 4);
  } else if constexpr (kType == DType::kF16) {
    return f16_to_float(load_unaligned<std::uint16_t>(row + i * 2));
  } else if constexpr (kType == DType::kBF16) {
    return bf16_to_float(load_unaligned<std::uint16_t>(row + i * 2));
  } else {
    // The product is exact: 11 significant bits times 8.
    const std::byte* block = row + i / 32 * 34;
    return f16_to_float(load_unaligned<std::uint16_t>(block)) *
           static_cast<float>(static_cast<std::int8_t>(block[2 + i % 32]));
  }
}

template <DType kType>
void widen(const std::byte* from, float* to, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) to[i] = element<kType>(from, i);
}

void narrow_f32(const float* from, std::byte* to, std::int64_t count) {
  std::memcpy(to, from, static_cast<std::size_t>(count) * 4);
}

template <std::uint16_t (*kConvert)(float)>
void narrow(const float* from, std::byte* to, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    const std::uint16_t bits = kConvert(from[i]);
    std::memcpy(to + i * 2, &bits, 2);
  }
}

void rms_norm(float* x, const float* delta, const float* weight, float epsilon, std::int64_t count,
              float* out) {
  double squares = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    if (delta != nullptr) x[i] += delta[i];
    squares += static_cast<double>(x[i]) * x[i];
  }
  const auto scale = static_cast<float>(1 / std::sqrt(squares / static_cast<double>(count) + epsilon));
  for (std::int64_t i = 0; i < count; ++i) out[i] = x[i] * scale * weight[i];
}

void silu_mul(const float* gate, const float* up, float* out, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) out[i] = gate[i] / (1 + std::exp(-gate[i])) * up[i];
}

// 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))): Hendrycks & Gimpel 2016, arXiv:1606.08415.
void gelu_tanh_mul(const float* gate, const float* up, float* out, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    const float x = gate[i];
    out[i] = 0.5F * x * (1 + std::tanh(0.7978845608F * (x + 0.044715F * x * x * x))) * up[i];
  }
}

void add(float* x, const float* delta, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) x[i] += delta[i];
}

}  // namespace

void gelu_mul_scalar(const float* gate, const float* up, float* out, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    out[i] = 0.5F * gate[i] * (1 + std::erf(gate[i] * 0.70710678F)) * up[i];
  }
}

const Kernels& scalar_kernels() {
  static constexpr Kernels kKernels = {
      .widen = {widen<DType::kF32>, widen<DType::kF16>, widen<DType::kBF16>, widen<DType::kQ8_0>},
      .narrow = {narrow_f32, narrow<float_to_f16>, narrow<float_to_bf16>},
      .rms_norm = rms_norm,
      .gated = {silu_mul, gelu_mul_scalar, gelu_tanh_mul},
      .add = add,
  };
  return kKernels;
}

}  // namespace millrace
