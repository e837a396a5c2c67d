#pragma once
#include <cstdint>

#include "kernels/matmul_tile_shape.hpp"
#include "platform/matrix_units.hpp"

namespace millrace::gpu {

// w in floats of type T.
template <typename T, typename ShapeOf, int kDepthOf>
class FloatTile {
 public:
  using Shape = ShapeOf;
  static constexpr int kDepth = kDepthOf;
  static constexpr bool kRowScales = false;

  struct Stage {
    Words x[Shape::kRows * kDepth / 8];
    Words w[Shape::kOutputs * kDepth / 8];
  };

  static __device__ void copy(const Product<T>& p, const Place& place, int slice, Stage& to) {
    const int k = slice * kDepth;
    copy_x<Shape, kDepth>(p, place, k, [&](int row, int unit) { return &to.x[at(row, unit)]; });
#pragma unroll
    for (int i = place.thread; i < Shape::kOutputs * kUnits; i += Shape::kThreads) {
      const int index = i / kUnits, unit = i % kUnits, row = row_of_w(p, place, index);
      const bool inside = row >= 0 && k + unit * 8 < p.w.cols;
      const T* w = static_cast<const T*>(p.w.elements);
      copy_async_16(&to.w[at(index, unit)], inside ? w + row * p.w.row_elements + k + unit * 8 : w, inside);
    }
  }

  static __device__ void multiply(const Place& place, const Stage& stage, typename Shape::Sums& sums) {
    const int matrix = place.lane / 8, line = place.lane % 8;
#pragma unroll
    for (int step = 0; step < kDepth / 16; ++step) {
      std::uint32_t x[Shape::kRowUnits][4];
#pragma unroll
      for (int i = 0; i < Shape::kRowUnits; ++i) {
        const int row = place.warp_row + i * 16 + matrix % 2 * 8 + line;
        load_matrices(x[i], &stage.x[at(row, step * 2 + matrix / 2)]);
      }
#pragma unroll
      for (int j = 0; j < Shape::kOutputUnits; j += 2) {
        std::uint32_t w[4];
        const int row = place.warp_output + j * 8 + matrix / 2 * 8 + line;
        load_matrices(w, &stage.w[at(row, step * 2 + matrix % 2)]);
        const std::uint32_t first[2] = {w[0], w[1]}, second[2] = {w[2], w[3]};
#pragma unroll
        for (int i = 0; i < Shape::kRowUnits; ++i) {
          multiply_16x8x16<T>(sums[i][j], x[i], first);
          multiply_16x8x16<T>(sums[i][j + 1], x[i], second);
        }
      }
    }
  }

 private:
  static constexpr int kUnits = kDepth / 8;
  static_assert(kUnits == 4 || kUnits == 8);
  // Eight rows of one unit are read at a time: with eight units to a row they lie in eight places, with four
  // two rows share 128 bytes.
  static __device__ int at(int row, int unit) {
    return row * kUnits + (unit ^ (kUnits == 8 ? row % 8 : row / 2 % 4));
  }
};

}  // namespace millrace::gpu
