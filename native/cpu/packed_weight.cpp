#include "cpu/packed_weight.hpp"

#include <algorithm>
#include <cstring>

#include "core/convert.hpp"
#include "cpu/pack_blocks.hpp"

namespace millrace {
namespace {

std::int64_t rounded_up(std::int64_t value, std::int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

// Element k of panel row r of a float format, `width` bytes.
std::int64_t float_offset(const PanelLayout& layout, int r, std::int64_t k) {
  switch (layout.format) {
    case PanelFormat::kF32:
      return layout.elements + (k * kPanelRows + r) * 4;
    case PanelFormat::kF16:
      return layout.elements + (k * kPanelRows + r) * 2;
    default:
      return layout.elements + (k / 2 * kPanelRows + r) * 4 + k % 2 * 2;
  }
}

// `kBytes` of each of 16 rows at a time, interleaved: rows that are read together stay in cache.
template <int kBytes>
void interleave(const WeightView& view, std::int64_t row, std::int64_t rows, std::byte* to) {
  const std::int64_t units = storage_bytes(view.dtype, view.cols) / kBytes;
  constexpr std::int64_t kRun = 64 / kBytes;
  for (std::int64_t start = 0; start < units; start += kRun) {
    const std::int64_t end = std::min(units, start + kRun);
    for (std::int64_t r = 0; r < rows; ++r) {
      const std::byte* from = view.data + (row + r) * view.row_bytes + start * kBytes;
      std::byte* out = to + (start * kPanelRows + r) * kBytes;
      for (std::int64_t u = start; u < end; ++u, from += kBytes, out += kPanelRows * kBytes) {
        std::memcpy(out, from, kBytes);
      }
    }
  }
}

void pack_q8_0(const WeightView& view, std::int64_t row, std::int64_t rows, const PanelLayout& layout,
               std::byte* panel) {
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::byte* block = view.data + (row + r) * view.row_bytes;
    for (std::int64_t g = 0; g < view.cols / 32; ++g, block += 34) {
      std::memcpy(panel + layout.scales + (g * kPanelRows + r) * 2, block, 2);
      for (int i = 0; i < 32; i += 4) {
        std::uint32_t four;
        std::memcpy(&four, block + 2 + i, 4);
        four ^= 0x80808080U;
        std::memcpy(panel + layout.elements + ((g * 8 + i / 4) * kPanelRows + r) * 4, &four, 4);
      }
    }
  }
}

float f16_at(const std::byte* panel, std::int64_t offset) {
  return f16_to_float(load_unaligned<std::uint16_t>(panel + offset));
}

}  // namespace

StoredFormat stored_format(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return {PanelFormat::kF32, 0};
    case DType::kF16:
      return {PanelFormat::kF16, 0};
    case DType::kBF16:
      return {PanelFormat::kBF16, 0};
    case DType::kQ8_0:
      return {PanelFormat::kInt8, 32};
    case DType::kQ4_0:
      return {PanelFormat::kInt4, 32};
    case DType::kQ4_K:
      return {PanelFormat::kInt4Min, 32};
    case DType::kQ6_K:
      return {PanelFormat::kInt6, 16};
  }
  return {PanelFormat::kF32, 0};
}

PanelLayout panel_layout(PanelFormat format, std::int64_t cols, std::int64_t group) {
  PanelLayout layout = {.format = format, .k = cols, .group = group};
  std::int64_t end = 0;
  const auto part = [&](std::int64_t bytes) {
    const std::int64_t start = end;
    end += rounded_up(bytes, 64);
    return start;
  };
  if (!is_whole_number(format)) {
    if (format == PanelFormat::kBF16) layout.k = rounded_up(cols, 32);
    layout.elements = part(layout.k * kPanelRows * (format == PanelFormat::kF32 ? 4 : 2));
  } else {
    layout.k = rounded_up(cols, kActivationGroup);
    const bool channel = format == PanelFormat::kInt8Channel;
    const std::int64_t scales = channel ? 0 : (layout.k + group - 1) / group;
    layout.scales = part(channel ? kPanelRows * 4 : scales * kPanelRows * 2);
    if (format == PanelFormat::kInt4Min) layout.minima = part(scales * kPanelRows * 2);
    const bool bytes = channel || format == PanelFormat::kInt8;
    layout.elements = part(layout.k * kPanelRows / (bytes ? 1 : 2));
    if (format == PanelFormat::kInt6) layout.high_bits = part(layout.k * kPanelRows / 4);
  }
  layout.bytes = end;
  return layout;
}

void pack_panel(const WeightView& view, std::int64_t row, const PanelLayout& layout, std::byte* panel) {
  const std::int64_t rows = std::min<std::int64_t>(kPanelRows, view.rows - row);
  switch (view.dtype) {
    case DType::kF32:
      return interleave<4>(view, row, rows, panel + layout.elements);
    case DType::kF16:
      return interleave<2>(view, row, rows, panel + layout.elements);
    case DType::kBF16:
      interleave<4>(view, row, rows, panel + layout.elements);
      if (view.cols % 2 == 1) {
        for (int r = 0; r < rows; ++r) {
          std::memcpy(panel + float_offset(layout, r, view.cols - 1),
                      view.data + (row + r) * view.row_bytes + (view.cols - 1) * 2, 2);
        }
      }
      return;
    case DType::kQ8_0:
      return pack_q8_0(view, row, rows, layout, panel);
    case DType::kQ4_0:
    case DType::kQ4_K:
    case DType::kQ6_K:
      return pack_blocks(view, row, layout, panel);
  }
}

int panel_quant(const PanelLayout& layout, const std::byte* panel, int row, std::int64_t k) {
  const std::int64_t group = k / 32;
  const auto v = static_cast<int>(k % 32 / 4);
  const std::int64_t byte = row * 4 + k % 4;
  if (layout.format == PanelFormat::kInt8 || layout.format == PanelFormat::kInt8Channel) {
    return std::to_integer<int>(panel[layout.elements + group * 512 + v * 64 + byte]);
  }
  const int both = std::to_integer<int>(panel[layout.elements + group * 256 + v % 4 * 64 + byte]);
  const int low = v < 4 ? both & 15 : both >> 4;
  if (layout.format != PanelFormat::kInt6) return low;
  const int high = std::to_integer<int>(panel[layout.high_bits + group * 128 + v / 4 * 64 + byte]);
  return low | ((high >> (2 * (v % 4))) & 3) << 4;
}

float panel_scale(const PanelLayout& layout, const std::byte* panel, int row, std::int64_t k) {
  if (layout.format == PanelFormat::kInt8Channel) {
    return load_unaligned<float>(panel + layout.scales + row * 4);
  }
  return f16_at(panel, layout.scales + (k / layout.group * kPanelRows + row) * 2);
}

float panel_minimum(const PanelLayout& layout, const std::byte* panel, int row, std::int64_t k) {
  return f16_at(panel, layout.minima + (k / layout.group * kPanelRows + row) * 2);
}

float panel_value(const PanelLayout& layout, const std::byte* panel, int row, std::int64_t k) {
  if (is_whole_number(layout.format)) {
    const int q = panel_quant(layout, panel, row, k) - whole_number_offset(layout.format);
    const float value = panel_scale(layout, panel, row, k) * static_cast<float>(q);
    return layout.format == PanelFormat::kInt4Min ? value - panel_minimum(layout, panel, row, k) : value;
  }
  const std::byte* from = panel + float_offset(layout, row, k);
  if (layout.format == PanelFormat::kF32) return load_unaligned<float>(from);
  const auto bits = load_unaligned<std::uint16_t>(from);
  return layout.format == PanelFormat::kF16 ? f16_to_float(bits) : bf16_to_float(bits);
}

void unpack_row(const PanelLayout& layout, const std::byte* panel, int row, std::int64_t cols, float* out) {
  for (std::int64_t k = 0; k < cols; ++k) out[k] = panel_value(layout, panel, row, k);
}

}  // namespace millrace
