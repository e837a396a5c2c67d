#pragma once
#include <cstddef>
#include <cstdint>

#include "cpu/panels.hpp"
#include "runtime/weight.hpp"

namespace millrace {

// Packs rows [row, row + 16) of a view in Q4_0 (into kInt4 by groups of 32), Q4_K (kInt4Min, 32) or Q6_K
// (kInt6, 16), or as many as there are, into `panel`, which is zeroed. Of Q4_K and Q6_K the products of block
// and group scale are rounded to F16.
void pack_blocks(const WeightView& view, std::int64_t row, const PanelLayout& layout, std::byte* panel);

}  // namespace millrace
