#include "device/weight_codes.hpp"

#include <cstdint>
#include <cstring>

#include "core/convert.hpp"

namespace millrace::gpu {
namespace {

std::uint32_t word_at(const std::byte* from) {
  return load_unaligned<std::uint32_t>(from);
}

// Four codes in bytes, to where an even step has them in a word of int4.
std::uint32_t spread(std::uint32_t codes) {
  return (codes & 15U) | (codes >> 8 & 15U) << 16 | (codes >> 16 & 15U) << 4 | (codes >> 24 & 15U) << 20;
}

// A row of a packed panel, four codes at a time.
class PackedRow {
 public:
  PackedRow(const PanelLayout& layout, const std::byte* panel, int row)
      : layout_(layout),
        elements_(panel + layout.elements),
        high_bits_(panel + layout.high_bits),
        row_(row) {}

  // Codes 4 quad to 4 quad + 3, a byte each, as the card's format has them.
  [[nodiscard]] std::uint32_t quad(std::int64_t quad) const {
    constexpr std::uint32_t kHalves = 0x0F0F0F0F, kPairs = 0x03030303;
    const std::int64_t group = quad / 8;
    const auto v = static_cast<int>(quad % 8);
    const auto vector = [&](const std::byte* from, std::int64_t index) {
      return word_at(from + index * 64 + row_ * 4);
    };
    if (layout_.format == PanelFormat::kInt8 || layout_.format == PanelFormat::kInt8Channel)
      return vector(elements_, quad);
    const std::uint32_t low = vector(elements_, group * 4 + v % 4) >> (v < 4 ? 0 : 4) & kHalves;
    if (layout_.format != PanelFormat::kInt6) return low;
    const std::uint32_t high = vector(high_bits_, group * 2 + v / 4) >> (2 * (v % 4)) & kPairs;
    // From 0 to 63 about 32, to about 128: no byte carries over.
    return (low | high << 4) + 0x60606060U;
  }

 private:
  const PanelLayout& layout_;
  const std::byte* elements_;
  const std::byte* high_bits_;
  int row_;
};

}  // namespace

void put_codes(const CardMatrix& matrix, const PanelLayout& layout, const std::byte* panel, int row,
               std::byte* to) {
  const PackedRow from(layout, panel, row);
  const int quads = (matrix.cols + 31) / 32 * 8;  // the CPU pads to 32
  for (int block = 0; block < matrix.blocks; ++block, to += kPanelBlockBytes) {
    const int first = block * block_k(matrix.format) / 4;
    std::uint32_t words[kBlockBytesOfRow / 4] = {};
    for (int i = 0; i < block_k(matrix.format) / 4 && first + i < quads; ++i) {
      const int step = i / 4, quarter = i % 4;
      const std::uint32_t codes = from.quad(first + i);
      if (matrix.format == CardFormat::kInt8) {
        words[quarter * 4 + step] = codes;
      } else {
        words[quarter * 4 + step / 2] |= spread(codes) << (8 * (step % 2));
      }
    }
    std::memcpy(to, words, sizeof words);
  }
}

void put_scales(const CardMatrix& matrix, const std::byte* from, int row, std::byte* to) {
  const int of_block = matrix.scales_of_block;
  const int groups = matrix.cols / matrix.group;
  for (int block = 0; block < matrix.blocks; ++block, to += kPanelRowsOfCard * of_block * 2) {
    for (int i = 0; i < of_block; ++i) {
      const int group = block * of_block + i;
      if (group < groups) {
        std::memcpy(to + i * 2, from + (group * kPanelRows + row) * 2, 2);
      } else {
        std::memset(to + i * 2, 0, 2);
      }
    }
  }
}

}  // namespace millrace::gpu
