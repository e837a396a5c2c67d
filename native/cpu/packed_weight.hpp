#pragma once
#include <cstddef>
#include <cstdint>

#include "cpu/panels.hpp"
#include "runtime/weight.hpp"

namespace millrace {

// Offsets of a panel of rows with `cols` elements. `group` is for the formats with a scale per group.
PanelLayout panel_layout(PanelFormat format, std::int64_t cols, std::int64_t group = 0);

// The format that keeps a checkpoint's type without loss (to within the rounding of a K-quant's scales to
// F16), and its group.
struct StoredFormat {
  PanelFormat format;
  std::int64_t group;
};
StoredFormat stored_format(DType dtype);

// Packs rows [row, row + 16) of the view, or as many as there are, into `panel`, which is zeroed.
void pack_panel(const WeightView& view, std::int64_t row, const PanelLayout& layout, std::byte* panel);

// What a panel says of element k of its row `row` (0 to 15): the value; and for whole-number formats the
// number that is stored, the scale and the minimum.
float panel_value(const PanelLayout& layout, const std::byte* panel, int row, std::int64_t k);
int panel_quant(const PanelLayout& layout, const std::byte* panel, int row, std::int64_t k);
float panel_scale(const PanelLayout& layout, const std::byte* panel, int row, std::int64_t k);
float panel_minimum(const PanelLayout& layout, const std::byte* panel, int row, std::int64_t k);

// Row `row` of a panel, widened: out (cols,).
void unpack_row(const PanelLayout& layout, const std::byte* panel, int row, std::int64_t cols, float* out);

}  // namespace millrace
