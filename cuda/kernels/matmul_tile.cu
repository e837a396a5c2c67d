// Products with many rows of x: a block has a tile of y, and the parts of x and w for it pass through shared
// memory in slices of k, some of which are on their way while one is multiplied.
//
// In shared memory the 16-byte units of a row change places by the row's number, so that the eight or sixteen
// lanes that the memory serves at a time never ask one bank twice. Of a gated product, 8 rows of gate and the
// 8 of up that belong to them alternate in a tile, so that a lane has the sums of both.
#include <algorithm>

#include "kernels/matmul_code_tile.hpp"
#include "kernels/matmul_float_tile.hpp"
#include "kernels/matmul_kernels.hpp"

namespace millrace::gpu {
namespace {

constexpr int kRowTilesTogether = 8;
constexpr int kMostSplits = 8, kFewestSlices = 4;  // of one split
constexpr int kBlocksOfMultiprocessor = 2;         // that splitting is to reach
constexpr int kMostSplitTile = 64 * 128;           // outputs of a tile that may be split
constexpr unsigned kAddThreads = 256;

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
  let_next_kernel_start();
  wait_for_previous_kernel();

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
  let_next_kernel_start();
  wait_for_previous_kernel();
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
  launch_early(stream, tile_product<T, Tile>, grid, Shape::kThreads, sizeof(Shared<Tile>), p, parts);
  if (parts.count == 1) return;
  const Grid outputs = {(static_cast<unsigned>(p.outputs()) + kAddThreads - 1) / kAddThreads,
                        static_cast<unsigned>(p.rows)};
  launch_early(stream, add_splits<T>, outputs, kAddThreads, 0, p, parts);
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
