#pragma once
#include <cstdint>

#include "kernels/matmul_codes.hpp"
#include "kernels/matmul_tile_shape.hpp"
#include "platform/matrix_units.hpp"

namespace millrace::gpu {

// w in codes, a block of them at a time.
template <typename T, typename ShapeOf, CardFormat kFormat, int kGroup>
class CodeTile {
 public:
  using Shape = ShapeOf;
  static constexpr int kDepth = block_k(kFormat);
  static constexpr bool kRowScales = kGroup == 0;

 private:
  static constexpr int kScales = kGroup == 0 ? 0 : kDepth / kGroup;  // of a block
  static constexpr bool kMinima = kFormat == CardFormat::kInt4Min;
  static constexpr int kScaleUnits = Shape::kOutputs * kScales * 2 / 16;

 public:
  struct Stage {
    Words x[Shape::kRows * kDepth / 8];
    Words codes[Shape::kOutputs * kBlockBytesOfRow / 16];
    Words scales[kScaleUnits == 0 ? 1 : kScaleUnits];
    Words minima[kMinima ? kScaleUnits : 1];
  };

  static __device__ void copy(const Product<T>& p, const Place& place, int slice, Stage& to) {
    copy_x<Shape, kDepth>(p, place, slice * kDepth, [&](int row, int unit) { return &to.x[at(row, unit)]; });
    constexpr int kUnits = kBlockBytesOfRow / 16;
    const auto* codes = static_cast<const std::uint8_t*>(p.w.elements);
#pragma unroll
    for (int i = place.thread; i < Shape::kOutputs * kUnits; i += Shape::kThreads) {
      const int row = row_of_w(p, place, i / kUnits);
      copy_async_16(&to.codes[i], row < 0 ? codes : codes + p.w.codes_at(row, slice) + i % kUnits * 16,
                    row >= 0);
    }
    if constexpr (kScales != 0) {
      copy_scales(p, place, slice, static_cast<const std::uint16_t*>(p.w.scales), to.scales);
      if constexpr (kMinima) copy_scales(p, place, slice, p.w.minima, to.minima);
    }
  }

  static __device__ void multiply(const Place& place, const Stage& stage, typename Shape::Sums& sums) {
    const int line = place.lane / 4, quarter = place.lane % 4;
    Words codes[Shape::kOutputUnits];
#pragma unroll
    for (int j = 0; j < Shape::kOutputUnits; ++j)
      codes[j] = stage.codes[(place.warp_output + j * 8 + line) * 4 + quarter];
    typename Shape::Sums group = {};
    float of_x[Shape::kRowUnits][4] = {};
#pragma unroll
    for (int step = 0; step < kDepth / 16; ++step) {
      std::uint32_t x[Shape::kRowUnits][4];
#pragma unroll
      for (int i = 0; i < Shape::kRowUnits; ++i) {
        const int row = place.warp_row + i * 16 + line;
        load_four(stage, row, step, quarter, x[i][0], x[i][2]);
        load_four(stage, row + 8, step, quarter, x[i][1], x[i][3]);
        if constexpr (kMinima) {
          const std::uint32_t ones[2] = {Pairs<T>::kOnes, Pairs<T>::kOnes};
          multiply_16x8x16<T>(of_x[i], x[i], ones);
        }
      }
#pragma unroll
      for (int j = 0; j < Shape::kOutputUnits; ++j) {
        std::uint32_t w[2];
        widen_step<T, kFormat>(codes[j], step, w[0], w[1]);
#pragma unroll
        for (int i = 0; i < Shape::kRowUnits; ++i)
          multiply_16x8x16<T>(kRowScales ? sums[i][j] : group[i][j], x[i], w);
      }
      if constexpr (!kRowScales) {
        constexpr int kGroupSteps = kGroup / 16;
        if ((step + 1) % kGroupSteps == 0) scale(place, stage, step / kGroupSteps, group, of_x, sums);
      }
    }
  }

 private:
  // Four rows of two units are read at a time.
  static __device__ int at(int row, int unit) {
    return row * (kDepth / 8) + (unit ^ row % 4 * 2);
  }

  // The lane's four k of a step: half a unit.
  static __device__ void load_four(const Stage& stage, int row, int step, int quarter, std::uint32_t& first,
                                   std::uint32_t& second) {
    const auto* unit =
        reinterpret_cast<const Vec<std::uint32_t, 2>*>(&stage.x[at(row, step * 2 + quarter / 2)]);
    const Vec<std::uint32_t, 2> four = unit[quarter % 2];
    first = four.at[0];
    second = four.at[1];
  }

  // Those of the tile's rows for a block: panels of 8 rows, which begin where panels of w do.
  static __device__ void copy_scales(const Product<T>& p, const Place& place, int slice,
                                     const std::uint16_t* from, Words* to) {
    for (int i = place.thread; i < kScaleUnits; i += Shape::kThreads) {
      const int row = row_of_w(p, place, i / kScales * kPanelRowsOfCard);
      const std::uint16_t* unit = row < 0 ? from : from + p.w.scales_at(row, slice) + i % kScales * 8;
      copy_async_16(&to[i], unit, row >= 0);
    }
  }

  // Takes in the sums of group number `index` of a block, and begins those of the next.
  static __device__ void scale(const Place& place, const Stage& stage, int index, typename Shape::Sums& group,
                               float (&of_x)[Shape::kRowUnits][4], typename Shape::Sums& sums) {
    const auto* scales = reinterpret_cast<const std::uint16_t*>(stage.scales);
    const auto* minima = reinterpret_cast<const std::uint16_t*>(stage.minima);
#pragma unroll
    for (int j = 0; j < Shape::kOutputUnits; ++j) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int at = (place.warp_output + j * 8 + place.lane % 4 * 2 + half) * kScales + index;
        const float factor = to_float(f16{scales[at]});
        const float minimum = kMinima ? to_float(f16{minima[at]}) : 0;
#pragma unroll
        for (int i = 0; i < Shape::kRowUnits; ++i) {
#pragma unroll
          for (int d = half; d < 4; d += 2) {
            sums[i][j][d] = fmaf(factor, group[i][j][d], sums[i][j][d]);
            if (kMinima) sums[i][j][d] = fmaf(-minimum, of_x[i][d], sums[i][j][d]);
            group[i][j][d] = 0;
          }
        }
      }
    }
#pragma unroll
    for (int i = 0; i < Shape::kRowUnits; ++i) {
#pragma unroll
      for (int d = 0; d < 4; ++d) of_x[i][d] = 0;
    }
  }
};

}  // namespace millrace::gpu
