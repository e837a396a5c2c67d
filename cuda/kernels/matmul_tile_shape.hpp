// What tiles of matmul_tile.cu have in common, whatever form w has.
#pragma once
#include <cstdint>

#include "kernels/matmul_kernels.hpp"
#include "platform/block.hpp"

namespace millrace::gpu {

using Words = Vec<std::uint32_t, 4>;

// What a block has of y: rows of x by rows of w, and a warp's part, in units of the tensor cores' 16 by 8.
template <int kRowsOfTile, int kOutputsOfTile, int kWarpRowUnits, int kWarpOutputUnits, int kNumStages>
struct TileShape {
  static constexpr int kRows = kRowsOfTile, kOutputs = kOutputsOfTile;
  static constexpr int kRowUnits = kWarpRowUnits, kOutputUnits = kWarpOutputUnits, kStages = kNumStages;
  static constexpr int kWarpsAcross = kOutputs / (8 * kOutputUnits);
  static constexpr int kWarps = kWarpsAcross * kRows / (16 * kRowUnits);
  static constexpr int kThreads = kWarps * kWarpLanes;
  using Sums = float[kRowUnits][kOutputUnits][4];
};

// Where a block, and a warp in it, is.
struct Place {
  int first_row;              // of x
  int first_output;           // of y
  int warp_row, warp_output;  // of the warp's part, in the tile
  int thread, lane;
};

// Row `index` of the tile's part of w; -1 behind the last.
template <typename T>
__device__ inline int row_of_w(const Product<T>& p, const Place& place, int index) {
  const int output = place.first_output + (p.gated ? index / 16 * 8 + index % 8 : index);
  if (output >= p.outputs()) return -1;
  return p.gated && index % 16 >= 8 ? p.outputs() + output : output;
}

// Begins the copy of the tile's rows of x, kDepth of each from k on. `at(row, unit)` is where a unit goes.
template <typename Shape, int kDepth, typename T, typename At>
__device__ inline void copy_x(const Product<T>& p, const Place& place, int k, const At& at) {
  constexpr int kUnits = kDepth / 8;
#pragma unroll
  for (int i = place.thread; i < Shape::kRows * kUnits; i += Shape::kThreads) {
    const int row = i / kUnits, unit = i % kUnits;
    const bool inside = place.first_row + row < p.rows && k + unit * 8 < p.w.cols;
    const T* from = inside ? p.x + (place.first_row + row) * p.x_stride + k + unit * 8 : p.x;
    copy_async_16(at(row, unit), from, inside);
  }
}

}  // namespace millrace::gpu
