// Quantisation at load: weights in a float type become whole numbers with scales.
#pragma once
#include <cstddef>
#include <cstdint>

#include "cpu/isa.hpp"
#include "cpu/panels.hpp"
#include "runtime/weight.hpp"

namespace millrace {

// Rows [row, row + 16) of a view in F32, F16 or BF16, or as many as there are, as kInt8Channel or kInt4 (its
// columns are a multiple of the group) into `panel`, which is zeroed. A function of the row's values alone.
//
//   kInt8Channel   scale = the row's largest magnitude over 127
//   kInt4          of some scales near that which maps the group's largest magnitude to -8, each then fitted
//                  to its whole numbers by least squares, the one with the least squared error
void quantize_panel(Isa isa, const WeightView& view, std::int64_t row, const PanelLayout& layout,
                    std::byte* panel);

}  // namespace millrace
