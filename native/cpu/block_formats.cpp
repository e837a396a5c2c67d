#include "cpu/block_formats.hpp"

#include "core/convert.hpp"

namespace millrace {
namespace {

float f16_at(const std::byte* from) {
  return f16_to_float(load_unaligned<std::uint16_t>(from));
}

int low_half(std::byte byte) {
  return std::to_integer<int>(byte & std::byte{15});
}

int high_half(std::byte byte) {
  return std::to_integer<int>(byte >> 4);
}

void widen_q8_0(const std::byte* block, float* to) {
  const float scale = f16_at(block);
  for (int i = 0; i < 32; ++i) to[i] = scale * static_cast<float>(static_cast<std::int8_t>(block[2 + i]));
}

void widen_q4_0(const std::byte* block, float* to) {
  const float scale = f16_at(block);
  for (int i = 0; i < 16; ++i) {
    to[i] = scale * static_cast<float>(low_half(block[2 + i]) - 8);
    to[i + 16] = scale * static_cast<float>(high_half(block[2 + i]) - 8);
  }
}

void widen_q4_k(const std::byte* block, float* to) {
  const float d = f16_at(block), dmin = f16_at(block + 2);
  const Q4KScales groups = q4k_scales(block);
  for (int group = 0; group < 8; ++group) {
    const std::byte* codes = block + kQ4KCodesAt + group / 2 * 32;
    const float scale = d * static_cast<float>(groups.scales[group]);
    const float minimum = dmin * static_cast<float>(groups.minima[group]);
    for (int i = 0; i < 32; ++i) {
      const int code = group % 2 == 0 ? low_half(codes[i]) : high_half(codes[i]);
      to[group * 32 + i] = scale * static_cast<float>(code) - minimum;
    }
  }
}

void widen_q6_k(const std::byte* block, float* to) {
  std::uint8_t codes[256];
  q6k_codes(block, codes);
  const float d = f16_at(block + kQ6KScaleAt);
  for (int i = 0; i < 256; ++i) {
    const auto scale = static_cast<std::int8_t>(block[kQ6KScalesAt + i / 16]);
    to[i] = d * static_cast<float>(scale) * static_cast<float>(codes[i] - 32);
  }
}

template <void (*kWiden)(const std::byte*, float*)>
void widen_blocks(DType dtype, const std::byte* from, float* to, std::int64_t count) {
  for (std::int64_t i = 0; i < count; i += block_elements(dtype)) {
    kWiden(from + storage_bytes(dtype, i), to + i);
  }
}

}  // namespace

Q4KScales q4k_scales(const std::byte* block) {
  // Bytes 0 to 3: six bits of scales 0 to 3, and the two upper bits of scales 4 to 7; bytes 4 to 7: the same
  // of the minima; bytes 8 to 11: the four lower bits of scales and minima 4 to 7.
  const std::byte* packed = block + kQ4KScalesAt;
  Q4KScales out;
  for (int i = 0; i < 4; ++i) {
    const auto a = std::to_integer<unsigned>(packed[i]), b = std::to_integer<unsigned>(packed[4 + i]),
               c = std::to_integer<unsigned>(packed[8 + i]);
    out.scales[i] = static_cast<std::uint8_t>(a & 63U);
    out.minima[i] = static_cast<std::uint8_t>(b & 63U);
    out.scales[4 + i] = static_cast<std::uint8_t>((c & 15U) | (a >> 6U << 4U));
    out.minima[4 + i] = static_cast<std::uint8_t>((c >> 4U) | (b >> 6U << 4U));
  }
  return out;
}

void q6k_codes(const std::byte* block, std::uint8_t* codes) {
  for (int i = 0; i < 256; ++i) {
    // Each 128 elements are four runs of 32: the low halves of 64 bytes, then their high halves.
    const int part = i / 128, run = i % 128 / 32, at = i % 32;
    const std::byte low = block[part * 64 + run % 2 * 32 + at];
    const std::byte high = block[kQ6KHighBitsAt + part * 32 + at] >> (2 * run);
    const int four = run < 2 ? low_half(low) : high_half(low);
    codes[i] = static_cast<std::uint8_t>(four | (std::to_integer<int>(high & std::byte{3}) << 4));
  }
}

void widen_row(DType dtype, const std::byte* from, float* to, std::int64_t count) {
  switch (dtype) {
    case DType::kF32:
      std::memcpy(to, from, static_cast<std::size_t>(count) * 4);
      return;
    case DType::kF16:
      for (std::int64_t i = 0; i < count; ++i) to[i] = f16_at(from + i * 2);
      return;
    case DType::kBF16:
      for (std::int64_t i = 0; i < count; ++i) {
        to[i] = bf16_to_float(load_unaligned<std::uint16_t>(from + i * 2));
      }
      return;
    case DType::kQ8_0:
      return widen_blocks<widen_q8_0>(dtype, from, to, count);
    case DType::kQ4_0:
      return widen_blocks<widen_q4_0>(dtype, from, to, count);
    case DType::kQ4_K:
      return widen_blocks<widen_q4_k>(dtype, from, to, count);
    case DType::kQ6_K:
      return widen_blocks<widen_q6_k>(dtype, from, to, count);
  }
}

}  // namespace millrace
