#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace millrace {

// Element types of weights and of the KV cache. From kQ8_0 on they are GGUF's: blocks of small whole numbers
// with their scales (cpu/block_formats.hpp).
enum class DType : std::uint8_t { kF32, kF16, kBF16, kQ8_0, kQ4_0, kQ4_K, kQ6_K };
constexpr int kNumDTypes = 7;

// Stored as whole numbers with scales.
constexpr bool is_quantized(DType dtype) {
  return dtype >= DType::kQ8_0;
}

// Elements that are stored together; a row's length must be a multiple of it.
constexpr std::int64_t block_elements(DType dtype) {
  switch (dtype) {
    case DType::kF32:
    case DType::kF16:
    case DType::kBF16:
      return 1;
    case DType::kQ8_0:
    case DType::kQ4_0:
      return 32;
    case DType::kQ4_K:
    case DType::kQ6_K:
      return 256;
  }
  return 1;
}

constexpr std::int64_t block_bytes(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return 4;
    case DType::kF16:
    case DType::kBF16:
      return 2;
    case DType::kQ8_0:
      return 34;
    case DType::kQ4_0:
      return 18;
    case DType::kQ4_K:
      return 144;
    case DType::kQ6_K:
      return 210;
  }
  return 0;
}

// Bytes of `elements` elements, which must be a multiple of block_elements().
constexpr std::int64_t storage_bytes(DType dtype, std::int64_t elements) {
  return elements / block_elements(dtype) * block_bytes(dtype);
}

constexpr std::string_view dtype_name(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return "F32";
    case DType::kF16:
      return "F16";
    case DType::kBF16:
      return "BF16";
    case DType::kQ8_0:
      return "Q8_0";
    case DType::kQ4_0:
      return "Q4_0";
    case DType::kQ4_K:
      return "Q4_K";
    case DType::kQ6_K:
      return "Q6_K";
  }
  return "?";
}

// The type of that name, as safetensors and GGUF spell it; nothing when Millrace cannot compute with it.
constexpr std::optional<DType> parse_dtype(std::string_view name) {
  for (int i = 0; i < kNumDTypes; ++i) {
    const auto dtype = static_cast<DType>(i);
    if (dtype_name(dtype) == name) return dtype;
  }
  return std::nullopt;
}

}  // namespace millrace
