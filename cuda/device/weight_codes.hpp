// From the CPU's packed panels (cpu/panels.hpp) to the layout of kernels/card_matrix.hpp, a row at a time.
#pragma once
#include <cstddef>

#include "cpu/packed_weight.hpp"
#include "kernels/card_matrix.hpp"

namespace millrace::gpu {

// The codes of row `row` of a packed panel, 16 rows of the CPU, to its first block; a row's blocks are a
// panel's block apart.
void put_codes(const CardMatrix& matrix, const PanelLayout& layout, const std::byte* panel, int row,
               std::byte* to);

// F16 of row `row` of a panel's scales or minima, to the row's first block.
void put_scales(const CardMatrix& matrix, const std::byte* from, int row, std::byte* to);

}  // namespace millrace::gpu
