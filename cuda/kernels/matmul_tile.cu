// Products with many rows of x: a block has a tile of y, and the parts of x and w for it pass through shared
// memory in slices of k, some of which are on their way while one is multiplied.
//
// In shared memory the 16-byte units of a row change places by the row's number, so that the eight or sixteen
// lanes that the memory serves at a time never ask one bank twice. Of a gated product, 8 rows of gate and the
// 8 of up that belong to them alternate in a tile, so that a lane has the sums of both.
#include <algorithm>

#include "kernels/matmul_codes.hpp"
#include "kernels/matmul_kernels.hpp"
#include "platform/matrix_units.hpp"

namespace millrace::gpu {
namespace {

constexpr int kRowTilesTogether = 8;
constexpr int kMostSplits = 8, kFewestSlices = 4;  // of one split
constexpr int kBlocksOfMultiprocessor = 2;         // that splitting is to reach
constexpr int kMostSplitTile = 64 * 128;           // outputs of a tile that may be split
constexpr unsigned kAddThreads = 256;

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

// Sums of parts of k, to be added: (splits, rows, w.rows).
struct Splits {
  float* parts;
  int count;
};

template <typename Tile>
struct Shared {
  typename Tile::Stage stages[Tile::Shape::kStages];
};

// Blocks that run at the same time are neighbours in both directions: they share slices of x and w in the
// second cache.
template <typename Shape, typename T>
__device__ inline Place place_of(const Product<T>& p) {
  const int index = static_cast<int>(blockIdx.x);
  const int tile_outputs = p.gated ? Shape::kOutputs / 2 : Shape::kOutputs;
  const int row_tiles = (p.rows + Shape::kRows - 1) / Shape::kRows;
  const int of_together = kRowTilesTogether * ((p.outputs() + tile_outputs - 1) / tile_outputs);
  const int first = index / of_together * kRowTilesTogether;
  const int together = row_tiles - first < kRowTilesTogether ? row_tiles - first : kRowTilesTogether;
  const int thread = static_cast<int>(threadIdx.x), warp = thread / kWarpLanes;
  return {(first + index % of_together % together) * Shape::kRows,
          index % of_together / together * tile_outputs,
          warp / Shape::kWarpsAcross * Shape::kRowUnits * 16,
          warp % Shape::kWarpsAcross * Shape::kOutputUnits * 8,
          thread,
          thread % kWarpLanes};
}

template <typename T, typename Tile>
__device__ inline void store_sums(const Product<T>& p, const Splits& splits, const Place& place,
                                  const typename Tile::Shape::Sums& sums) {
  using Shape = typename Tile::Shape;
#pragma unroll
  for (int j = 0; j < Shape::kOutputUnits; ++j) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int index = place.warp_output + j * 8 + place.lane % 4 * 2 + half;
      const int row_of = row_of_w(p, place, index);
      const bool is_up = p.gated && j % 2 == 1;
      if (row_of < 0 || (is_up && splits.count == 1)) continue;
      const auto* row_scales = static_cast<const float*>(p.w.scales);
      const float scale = Tile::kRowScales ? row_scales[row_of] : 1;
      const float up_scale = Tile::kRowScales && p.gated && !is_up ? row_scales[p.outputs() + row_of] : 1;
#pragma unroll
      for (int i = 0; i < Shape::kRowUnits; ++i) {
#pragma unroll
        for (int d = half; d < 4; d += 2) {
          const int row = place.first_row + place.warp_row + i * 16 + place.lane / 4 + d / 2 * 8;
          if (row >= p.rows) continue;
          const float sum = sums[i][j][d] * scale;
          if (splits.count > 1) {
            splits.parts[(static_cast<std::int64_t>(blockIdx.y) * p.rows + row) * p.w.rows + row_of] = sum;
          } else {
            const float up = sums[i][j % 2 == 0 ? j + 1 : j][d] * up_scale;
            store_output(p, row, row_of, sum, up);
          }
        }
      }
    }
  }
}

template <typename T, typename Tile>
__global__ void __launch_bounds__(Tile::Shape::kThreads) tile_product(Product<T> p, Splits splits) {
  using Shape = typename Tile::Shape;
  constexpr int kStages = Shape::kStages;
  auto& shared = block_shared<Shared<Tile>>();
  const Place place = place_of<Shape>(p);
  const int all = (p.w.cols + Tile::kDepth - 1) / Tile::kDepth, split = static_cast<int>(blockIdx.y);
  const int first = all * split / splits.count, slices = all * (split + 1) / splits.count - first;

  typename Shape::Sums sums = {};
#pragma unroll
  for (int i = 0; i < kStages - 1; ++i) {
    if (i < slices) Tile::copy(p, place, first + i, shared.stages[i]);
    commit_async();
  }
  for (int i = 0; i < slices; ++i) {
    wait_async<kStages - 2>();
    // Everybody's copies have come, and nobody reads the stage any more that is filled next.
    __syncthreads();
    const int next = i + kStages - 1;
    if (next < slices) Tile::copy(p, place, first + next, shared.stages[next % kStages]);
    commit_async();
    Tile::multiply(place, shared.stages[i % kStages], sums);
  }
  store_sums<T, Tile>(p, splits, place, sums);
}

template <typename T>
__global__ void __launch_bounds__(kAddThreads) add_splits(Product<T> p, Splits splits) {
  const int row = static_cast<int>(blockIdx.y);
  const int output = static_cast<int>(blockIdx.x * kAddThreads + threadIdx.x);
  if (output >= p.outputs()) return;
  float sum = 0, up = 0;
  for (int i = 0; i < splits.count; ++i) {
    const float* part = splits.parts + (static_cast<std::int64_t>(i) * p.rows + row) * p.w.rows;
    sum += part[output];
    if (p.gated) up += part[p.outputs() + output];
  }
  store_output(p, row, output, sum, up);
}

template <typename Shape, typename T>
int blocks_of(const Product<T>& p) {
  const int tile_outputs = p.gated ? Shape::kOutputs / 2 : Shape::kOutputs;
  return (p.rows + Shape::kRows - 1) / Shape::kRows * ((p.outputs() + tile_outputs - 1) / tile_outputs);
}

template <typename T, typename Tile>
void launch_with(Stream& stream, const Product<T>& p, int multiprocessors, void* workspace) {
  using Shape = typename Tile::Shape;
  const int blocks = blocks_of<Shape>(p), slices = (p.w.cols + Tile::kDepth - 1) / Tile::kDepth;
  const int splits = std::max(
      1, std::min({kBlocksOfMultiprocessor * multiprocessors / blocks, slices / kFewestSlices, kMostSplits}));
  const Splits parts = {static_cast<float*>(workspace),
                        Shape::kRows * Shape::kOutputs > kMostSplitTile ? 1 : splits};
  const Grid grid = {static_cast<unsigned>(blocks), static_cast<unsigned>(parts.count)};
  launch(stream, tile_product<T, Tile>, grid, Shape::kThreads, sizeof(Shared<Tile>), p, parts);
  if (parts.count == 1) return;
  const Grid outputs = {(static_cast<unsigned>(p.outputs()) + kAddThreads - 1) / kAddThreads,
                        static_cast<unsigned>(p.rows)};
  launch(stream, add_splits<T>, outputs, kAddThreads, 0, p, parts);
}

// 64 KiB of shared memory: two blocks on a multiprocessor of sm_80, three of sm_90, one of sm_86.
using LargeShape = TileShape<128, 128, 4, 4, 4>;
// 48 KiB, so that sm_86 has two.
using SmallShape = TileShape<64, 64, 2, 4, 3>;
// x takes four times the room of w's codes: wide tiles.
using CodeShape = TileShape<64, 128, 2, 4, 3>;

}  // namespace

std::int64_t tile_workspace_bytes(int multiprocessors) {
  return std::int64_t{4} * kBlocksOfMultiprocessor * multiprocessors * kMostSplitTile;
}

template <typename T>
void launch_tile_product(Stream& stream, const Product<T>& p, int multiprocessors, void* workspace) {
  const auto with_codes = [&]<CardFormat kFormat, int kGroup>() {
    launch_with<T, CodeTile<T, CodeShape, kFormat, kGroup>>(stream, p, multiprocessors, workspace);
  };
  switch (p.w.format) {
    case CardFormat::kInt8:
      if (p.w.group == 0) return with_codes.template operator()<CardFormat::kInt8, 0>();
      if (p.w.group == 16) return with_codes.template operator()<CardFormat::kInt8, 16>();
      return with_codes.template operator()<CardFormat::kInt8, 32>();
    case CardFormat::kInt4:
      if (p.w.group == 32) return with_codes.template operator()<CardFormat::kInt4, 32>();
      if (p.w.group == 64) return with_codes.template operator()<CardFormat::kInt4, 64>();
      return with_codes.template operator()<CardFormat::kInt4, 128>();
    case CardFormat::kInt4Min:
      return with_codes.template operator()<CardFormat::kInt4Min, 32>();
    default:
      break;
  }
  // Large tiles read less, where there are enough of them for every multiprocessor.
  if (blocks_of<LargeShape>(p) >= multiprocessors) {
    launch_with<T, FloatTile<T, LargeShape, 32>>(stream, p, multiprocessors, workspace);
  } else {
    launch_with<T, FloatTile<T, SmallShape, 64>>(stream, p, multiprocessors, workspace);
  }
}

template void launch_tile_product<bf16>(Stream&, const Product<bf16>&, int, void*);
template void launch_tile_product<f16>(Stream&, const Product<f16>&, int, void*);

}  // namespace millrace::gpu
