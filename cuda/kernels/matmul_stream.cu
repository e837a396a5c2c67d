// Products with few rows of x, as fast as the weights can be read.
//
// A block has 16 rows of w, its warps a part of k each. Weights go from memory to the registers that the
// tensor cores read: 16 bytes of a row are the elements of several k for one lane, and which k these are is
// the same for x, so nothing is put in order. w is the left factor: 16 of its rows by 8 rows of x, which
// costs the same for one row as for eight. x comes from the first cache, where the blocks of a multiprocessor
// share it. In the end the warps' sums are added in their order.
//
// Codes are multiplied as whole numbers, exactly; a group's sum is then scaled in F32.
#include "kernels/matmul_codes.hpp"
#include "kernels/matmul_kernels.hpp"
#include "platform/matrix_units.hpp"

namespace millrace::gpu {
namespace {

constexpr int kTileRows = 16, kColumns = 8;  // of w, and of x, in one product of the tensor cores
constexpr int kMostWarps = 8, kFewWarps = 4;

using Words = Vec<std::uint32_t, 4>;

// What a lane reads of rows a and b, 8 apart in the tile. A chunk of k is 16 bytes of each.
template <typename T>
class FloatRows {
 public:
  static constexpr int kChunk = 32, kSteps = 2;
  // Chunks that are read at a time: 4 KiB of w by a warp.
  static __host__ __device__ constexpr int unroll(int /*tiles*/) { return 4; }
  // Where a quarter's k begin, and from step to step.
  static constexpr int kFirstK = 8, kNextK = 4;
  static constexpr int kGroupSteps = 0;  // steps that share a scale; 0 = the whole row
  // Blocks of kMostWarps that a multiprocessor is to hold, with one and two tiles: what the registers allow.
  static constexpr int kBlocks[] = {3, 2};
  static constexpr bool kMinima = false, kScaled = false;

  struct Chunk {
    Words a, b;
  };

  __device__ FloatRows(const CardMatrix& w, int a, int b, int quarter)
      : a_(static_cast<const T*>(w.elements) + a * w.row_elements + quarter * 8),
        b_(static_cast<const T*>(w.elements) + b * w.row_elements + quarter * 8) {}

  __device__ void load(int chunk, Chunk& to) const {
    to.a = load_streamed(reinterpret_cast<const Words*>(a_ + chunk * kChunk));
    to.b = load_streamed(reinterpret_cast<const Words*>(b_ + chunk * kChunk));
  }
  static __device__ void fragment(const Chunk& chunk, int step, std::uint32_t (&out)[4]) {
    out[0] = chunk.a.at[step * 2];
    out[1] = chunk.b.at[step * 2];
    out[2] = chunk.a.at[step * 2 + 1];
    out[3] = chunk.b.at[step * 2 + 1];
  }

 private:
  const T* a_;
  const T* b_;
};

template <typename T, CardFormat kFormat, int kGroup>
class CodeRows {
 public:
  static constexpr int kChunk = block_k(kFormat), kSteps = kChunk / 16;
  static constexpr bool kMinima = kFormat == CardFormat::kInt4Min, kScaled = true;
  // As many as the registers hold; scales and sums of groups need some.
  static __host__ __device__ constexpr int unroll(int tiles) {
    return kFormat == CardFormat::kInt8 ? 4 : kMinima && tiles > 1 ? 1 : 2;
  }
  static constexpr int kFirstK = 4, kNextK = 16;
  static constexpr int kGroupSteps = kGroup / 16;
  static constexpr int kBlocks[] = {kMinima || (kFormat == CardFormat::kInt8 && kGroup != 0) ? 2 : 3,
                                    kMinima ? 1 : 2};

 private:
  static constexpr int kScales = kGroup == 0 ? 1 : kChunk / kGroup;  // of a block
  using Scales = Vec<std::uint16_t, kScales>;

 public:
  struct Chunk {
    Words a, b;
    Scales scale_a, scale_b, minimum_a, minimum_b;
  };

  __device__ CodeRows(const CardMatrix& w, int a, int b, int quarter)
      : a_(static_cast<const std::uint8_t*>(w.elements) + w.codes_at(a, 0) + quarter * 16),
        b_(static_cast<const std::uint8_t*>(w.elements) + w.codes_at(b, 0) + quarter * 16) {
    if constexpr (kGroup != 0) {
      scale_a_ = static_cast<const std::uint16_t*>(w.scales) + w.scales_at(a, 0);
      scale_b_ = static_cast<const std::uint16_t*>(w.scales) + w.scales_at(b, 0);
    }
    if constexpr (kMinima) {
      minimum_a_ = w.minima + w.scales_at(a, 0);
      minimum_b_ = w.minima + w.scales_at(b, 0);
    }
  }

  __device__ void load(int chunk, Chunk& to) const {
    to.a = load_streamed(
        reinterpret_cast<const Words*>(a_ + static_cast<std::int64_t>(chunk) * kPanelBlockBytes));
    to.b = load_streamed(
        reinterpret_cast<const Words*>(b_ + static_cast<std::int64_t>(chunk) * kPanelBlockBytes));
    const int at = chunk * kPanelRowsOfCard * kScales;
    if constexpr (kGroup != 0) {
      to.scale_a = *reinterpret_cast<const Scales*>(scale_a_ + at);
      to.scale_b = *reinterpret_cast<const Scales*>(scale_b_ + at);
    }
    if constexpr (kMinima) {
      to.minimum_a = *reinterpret_cast<const Scales*>(minimum_a_ + at);
      to.minimum_b = *reinterpret_cast<const Scales*>(minimum_b_ + at);
    }
  }
  static __device__ void fragment(const Chunk& chunk, int step, std::uint32_t (&out)[4]) {
    widen_step<T, kFormat>(chunk.a, step, out[0], out[2]);
    widen_step<T, kFormat>(chunk.b, step, out[1], out[3]);
  }

 private:
  const std::uint8_t* a_;
  const std::uint8_t* b_;
  const std::uint16_t *scale_a_ = nullptr, *scale_b_ = nullptr;
  const std::uint16_t *minimum_a_ = nullptr, *minimum_b_ = nullptr;
};

template <int kTiles>
struct Shared {
  float sums[kMostWarps][kTiles * kColumns][kTileRows];
};

__device__ inline float f16_at(std::uint16_t bits) {
  return to_float(f16{bits});
}

// A lane's rows of x. Behind the last row it has the last one again: what comes of that is not stored.
template <typename T, typename Rows, int kTiles>
class RowsOfX {
 public:
  __device__ RowsOfX(const Product<T>& p, int lane) : cols_(p.w.cols - Rows::kFirstK * (lane % 4)) {
#pragma unroll
    for (int tile = 0; tile < kTiles; ++tile) {
      const int row = tile * kColumns + lane / 4;
      rows_[tile] = p.x + (row < p.rows ? row : p.rows - 1) * p.x_stride + Rows::kFirstK * (lane % 4);
    }
  }
  // Four elements of a step. Of a chunk that is not whole, those behind the last column are 0.
  template <bool kWhole>
  [[nodiscard]] __device__ Vec<std::uint32_t, 2> four(int tile, int chunk, int step) const {
    const int k = chunk * Rows::kChunk + step * Rows::kNextK;
    if (!kWhole && k >= cols_) return {};
    return *reinterpret_cast<const Vec<std::uint32_t, 2>*>(rows_[tile] + k);
  }

 private:
  const T* rows_[kTiles];
  int cols_;  // from the lane's first k on
};

// A warp's sums: of kTiles times 8 rows of x.
template <typename T, typename Rows, int kTiles>
class Sums {
 public:
  float of[kTiles][4] = {};

  template <bool kWhole>
  __device__ void add(const RowsOfX<T, Rows, kTiles>& rows, const typename Rows::Chunk& chunk, int index) {
    float group[kTiles][4] = {}, of_x[kTiles][4] = {};
#pragma unroll
    for (int step = 0; step < Rows::kSteps; ++step) {
      std::uint32_t w[4];
      Rows::fragment(chunk, step, w);
#pragma unroll
      for (int tile = 0; tile < kTiles; ++tile) {
        const Vec<std::uint32_t, 2> x = rows.template four<kWhole>(tile, index, step);
        if constexpr (Rows::kGroupSteps == 0) {
          multiply_16x8x16<T>(of[tile], w, x.at);
        } else {
          multiply_16x8x16<T>(group[tile], w, x.at);
        }
        if constexpr (Rows::kMinima) {
          const std::uint32_t ones[4] = {Pairs<T>::kOnes, Pairs<T>::kOnes, Pairs<T>::kOnes, Pairs<T>::kOnes};
          multiply_16x8x16<T>(of_x[tile], ones, x.at);
        }
      }
      if constexpr (Rows::kGroupSteps != 0) {
        if ((step + 1) % Rows::kGroupSteps == 0) scale(chunk, step / Rows::kGroupSteps, group, of_x);
      }
    }
  }

 private:
  // Takes in the sums of scale number i of a chunk, and begins those of the next.
  __device__ void scale(const typename Rows::Chunk& chunk, int i, float (&group)[kTiles][4],
                        float (&of_x)[kTiles][4]) {
    const float a = f16_at(chunk.scale_a.at[i]), b = f16_at(chunk.scale_b.at[i]);
#pragma unroll
    for (int tile = 0; tile < kTiles; ++tile) {
#pragma unroll
      for (int d = 0; d < 4; ++d) {
        of[tile][d] = fmaf(d < 2 ? a : b, group[tile][d], of[tile][d]);
        if constexpr (Rows::kMinima) {
          const float minimum = f16_at(d < 2 ? chunk.minimum_a.at[i] : chunk.minimum_b.at[i]);
          of[tile][d] = fmaf(-minimum, of_x[tile][d], of[tile][d]);
        }
        group[tile][d] = of_x[tile][d] = 0;
      }
    }
  }
};

template <typename T, typename Rows, int kTiles>
__global__ void __launch_bounds__(kMostWarps* kWarpLanes, Rows::kBlocks[kTiles - 1])
    stream_product(Product<T> p) {
  auto& shared = block_shared<Shared<kTiles>>();
  const int warp = static_cast<int>(threadIdx.x) / kWarpLanes,
            lane = static_cast<int>(threadIdx.x) % kWarpLanes;
  const int warps = static_cast<int>(blockDim.x) / kWarpLanes;
  // Of a gated product, gates are the tile's upper half and ups the lower one. Rows behind the last are those
  // of the last again.
  const int outputs = p.outputs(), tile_outputs = p.gated ? kTileRows / 2 : kTileRows;
  const int first = static_cast<int>(blockIdx.x) * tile_outputs;
  const int last = outputs - 1, upper = first + lane / 4, lower = upper + kTileRows / 2;
  const int a = upper < last ? upper : last;
  const int b = p.gated ? outputs + a : lower < last ? lower : last;

  const Rows rows(p.w, a, b, lane % 4);
  const RowsOfX<T, Rows, kTiles> rows_of_x(p, lane);
  Sums<T, Rows, kTiles> sums;
  constexpr int kUnroll = Rows::unroll(kTiles);
  const int chunks = (p.w.cols + Rows::kChunk - 1) / Rows::kChunk, whole = p.w.cols / Rows::kChunk;
  const int last_chunk = chunks * (warp + 1) / warps, end = last_chunk < whole ? last_chunk : whole;
  // The chunks that come next are asked for as soon as those that are there have been used. The first need
  // nothing of the previous kernel: the card reads weights while that one ends.
  typename Rows::Chunk loaded[kUnroll];
  int chunk = chunks * warp / warps;
  let_next_kernel_start();
#pragma unroll
  for (int i = 0; i < kUnroll; ++i) {
    if (chunk + i < end) rows.load(chunk + i, loaded[i]);
  }
  wait_for_previous_kernel();
  for (; chunk < end; chunk += kUnroll) {
#pragma unroll
    for (int i = 0; i < kUnroll; ++i) {
      if (chunk + i < end) sums.template add<true>(rows_of_x, loaded[i], chunk + i);
      const int next = chunk + i + kUnroll;
      if (next < end) rows.load(next, loaded[i]);
    }
  }
  if (end < last_chunk) {
    typename Rows::Chunk rest;
    rows.load(whole, rest);
    sums.template add<false>(rows_of_x, rest, whole);
  }

  float scale_a = 1, scale_b = 1;
  if constexpr (Rows::kScaled && Rows::kGroupSteps == 0) {
    scale_a = static_cast<const float*>(p.w.scales)[a];
    scale_b = static_cast<const float*>(p.w.scales)[b];
  }
#pragma unroll
  for (int tile = 0; tile < kTiles; ++tile) {
#pragma unroll
    for (int d = 0; d < 4; ++d) {
      const int column = tile * kColumns + lane % 4 * 2 + d % 2;
      shared.sums[warp][column][lane / 4 + d / 2 * 8] = sums.of[tile][d] * (d < 2 ? scale_a : scale_b);
    }
  }
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < kTiles * kColumns * tile_outputs;
       i += static_cast<int>(blockDim.x)) {
    const int row = i / tile_outputs, output = i % tile_outputs;
    if (row >= p.rows || first + output >= outputs) continue;
    float sum = 0, up = 0;
    for (int w = 0; w < warps; ++w) {
      sum += shared.sums[w][row][output];
      if (p.gated) up += shared.sums[w][row][output + kTileRows / 2];
    }
    store_output(p, row, first + output, sum, up);
  }
}

template <typename T, typename Rows>
void launch_with(Stream& stream, const Product<T>& p, int multiprocessors) {
  const int tile_outputs = p.gated ? kTileRows / 2 : kTileRows;
  const int blocks = (p.outputs() + tile_outputs - 1) / tile_outputs;
  // Where blocks are few, more warps read at the same time; where they are many, fewer take part in an end.
  const int warps =
      blocks < 6 * multiprocessors && p.w.cols >= 4 * kMostWarps * Rows::kChunk ? kMostWarps : kFewWarps;
  const Grid grid = {static_cast<unsigned>(blocks)};
  const auto threads = static_cast<unsigned>(warps * kWarpLanes);
  if (p.rows <= kColumns) {
    launch_early(stream, stream_product<T, Rows, 1>, grid, threads, sizeof(Shared<1>), p);
  } else {
    launch_early(stream, stream_product<T, Rows, 2>, grid, threads, sizeof(Shared<2>), p);
  }
}

}  // namespace

template <typename T>
void launch_stream_product(Stream& stream, const Product<T>& p, int multiprocessors) {
  switch (p.w.format) {
    case CardFormat::kInt8:
      if (p.w.group == 0)
        return launch_with<T, CodeRows<T, CardFormat::kInt8, 0>>(stream, p, multiprocessors);
      if (p.w.group == 16)
        return launch_with<T, CodeRows<T, CardFormat::kInt8, 16>>(stream, p, multiprocessors);
      return launch_with<T, CodeRows<T, CardFormat::kInt8, 32>>(stream, p, multiprocessors);
    case CardFormat::kInt4:
      if (p.w.group == 32)
        return launch_with<T, CodeRows<T, CardFormat::kInt4, 32>>(stream, p, multiprocessors);
      if (p.w.group == 64)
        return launch_with<T, CodeRows<T, CardFormat::kInt4, 64>>(stream, p, multiprocessors);
      return launch_with<T, CodeRows<T, CardFormat::kInt4, 128>>(stream, p, multiprocessors);
    case CardFormat::kInt4Min:
      return launch_with<T, CodeRows<T, CardFormat::kInt4Min, 32>>(stream, p, multiprocessors);
    default:
      return launch_with<T, FloatRows<T>>(stream, p, multiprocessors);
  }
}

template void launch_stream_product<bf16>(Stream&, const Product<bf16>&, int);
template void launch_stream_product<f16>(Stream&, const Product<f16>&, int);

}  // namespace millrace::gpu
