// Writing whole numbers of one row into a panel: the order that panels.hpp draws.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/convert.hpp"
#include "cpu/panels.hpp"

namespace millrace {

// 32 codes (without their zero point taken off) of row `row` from element k on, a multiple of 32. The format
// is a whole-number one; codes fit its bits.
inline void put_codes(const PanelLayout& layout, std::byte* panel, int row, std::int64_t k,
                      const std::uint8_t* codes) {
  // Word v is elements 4v to 4v + 3, which lie together whatever the format.
  std::uint32_t words[8];
  std::memcpy(words, codes, sizeof words);
  const auto put = [row](std::byte* vectors, int v, std::uint32_t word) {
    std::memcpy(vectors + v * 64 + row * 4, &word, 4);
  };
  std::byte* elements = panel + layout.elements;
  if (layout.format == PanelFormat::kInt8 || layout.format == PanelFormat::kInt8Channel) {
    for (int v = 0; v < 8; ++v) put(elements + k * kPanelRows, v, words[v]);
    return;
  }
  constexpr std::uint32_t kLowHalves = 0x0F0F0F0F, kPairs = 0x03030303;
  for (int v = 0; v < 4; ++v) {
    put(elements + k * kPanelRows / 2, v, (words[v] & kLowHalves) | (words[v + 4] & kLowHalves) << 4);
  }
  if (layout.format != PanelFormat::kInt6) return;
  for (int half = 0; half < 2; ++half) {
    std::uint32_t pairs = 0;
    for (int v = 0; v < 4; ++v) pairs |= (words[half * 4 + v] >> 4 & kPairs) << (2 * v);
    put(panel + layout.high_bits + k * kPanelRows / 4, half, pairs);
  }
}

// The F16 at index `group` of the scales or minima of a row.
inline void put_f16(std::byte* part, std::int64_t group, int row, std::uint16_t bits) {
  std::memcpy(part + (group * kPanelRows + row) * 2, &bits, 2);
}

}  // namespace millrace
