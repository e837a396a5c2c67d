#include "cpu/pack_blocks.hpp"

#include <algorithm>

#include "core/convert.hpp"
#include "cpu/block_formats.hpp"
#include "cpu/panel_codes.hpp"

namespace millrace {
namespace {

struct Target {
  const PanelLayout& layout;
  std::byte* panel;
  int row;

  void scale(std::int64_t group, float value) const {
    put_f16(panel + layout.scales, group, row, float_to_f16(value));
  }
  void minimum(std::int64_t group, float value) const {
    put_f16(panel + layout.minima, group, row, float_to_f16(value));
  }
  void codes(std::int64_t k, const std::uint8_t* values) const { put_codes(layout, panel, row, k, values); }
};

// The low or the high halves of `count` bytes.
void halves(const std::byte* from, int count, int shift, std::uint8_t* to) {
  for (int i = 0; i < count; ++i) to[i] = std::to_integer<std::uint8_t>((from[i] >> shift) & std::byte{15});
}

void pack_q4_0(const std::byte* block, std::int64_t k, const Target& to) {
  std::uint8_t codes[32];
  halves(block + 2, 16, 0, codes);
  halves(block + 2, 16, 4, codes + 16);
  put_f16(to.panel + to.layout.scales, k / 32, to.row, load_unaligned<std::uint16_t>(block));
  to.codes(k, codes);
}

void pack_q4_k(const std::byte* block, std::int64_t k, const Target& to) {
  const float d = f16_to_float(load_unaligned<std::uint16_t>(block));
  const float dmin = f16_to_float(load_unaligned<std::uint16_t>(block + 2));
  const Q4KScales groups = q4k_scales(block);
  for (int group = 0; group < 8; ++group) {
    std::uint8_t codes[32];
    halves(block + kQ4KCodesAt + group / 2 * 32, 32, group % 2 * 4, codes);
    to.scale(k / 32 + group, d * static_cast<float>(groups.scales[group]));
    to.minimum(k / 32 + group, dmin * static_cast<float>(groups.minima[group]));
    to.codes(k + group * 32, codes);
  }
}

void pack_q6_k(const std::byte* block, std::int64_t k, const Target& to) {
  const float d = f16_to_float(load_unaligned<std::uint16_t>(block + kQ6KScaleAt));
  for (int group = 0; group < 16; ++group) {
    const auto scale = static_cast<std::int8_t>(block[kQ6KScalesAt + group]);
    to.scale(k / 16 + group, d * static_cast<float>(scale));
  }
  std::uint8_t codes[256];
  q6k_codes(block, codes);
  for (int i = 0; i < 256; i += 32) to.codes(k + i, codes + i);
}

template <void (*kPack)(const std::byte*, std::int64_t, const Target&)>
void pack_rows(const WeightView& view, std::int64_t row, const PanelLayout& layout, std::byte* panel) {
  const auto rows = static_cast<int>(std::min<std::int64_t>(kPanelRows, view.rows - row));
  for (int r = 0; r < rows; ++r) {
    const std::byte* blocks = view.data + (row + r) * view.row_bytes;
    for (std::int64_t k = 0; k < view.cols; k += block_elements(view.dtype)) {
      kPack(blocks + storage_bytes(view.dtype, k), k, {layout, panel, r});
    }
  }
}

}  // namespace

void pack_blocks(const WeightView& view, std::int64_t row, const PanelLayout& layout, std::byte* panel) {
  if (view.dtype == DType::kQ4_0) return pack_rows<pack_q4_0>(view, row, layout, panel);
  if (view.dtype == DType::kQ4_K) return pack_rows<pack_q4_k>(view, row, layout, panel);
  pack_rows<pack_q6_k>(view, row, layout, panel);
}

}  // namespace millrace
