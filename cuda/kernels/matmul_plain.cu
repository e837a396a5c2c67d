#include "kernels/matmul_kernels.hpp"
#include "platform/block.hpp"

namespace millrace::gpu {
namespace {

constexpr int kRows = 32, kOutputs = 32, kDepth = 32;  // a block's part of y, and how many k at a time
constexpr unsigned kThreads = 256;
constexpr int kRowsOfThread = 4;

struct Shared {
  float x[kRows][kDepth + 1];
  float w[2 * kOutputs][kDepth + 1];  // the second half is of up, in a gated product
};

// A thread has one output of kRowsOfThread rows: threads of a warp read different rows of w, which the odd
// distance puts in different banks, and the same of x.
template <typename T, CardFormat kFormat>
__global__ void __launch_bounds__(kThreads, 4) plain_product(Product<T> p) {
  p.w.format = kFormat;  // as the compiler may know
  Shared& shared = block_shared<Shared>();
  const int thread = static_cast<int>(threadIdx.x);
  const int first_row = static_cast<int>(blockIdx.y) * kRows, first = static_cast<int>(blockIdx.x) * kOutputs;
  const int output = thread % kOutputs, row = thread / kOutputs * kRowsOfThread;
  float sums[kRowsOfThread] = {}, ups[kRowsOfThread] = {};
  for (int start = 0; start < p.w.cols; start += kDepth) {
    for (int i = thread; i < kRows * kDepth; i += kThreads) {
      const int r = i / kDepth, k = i % kDepth;
      const bool inside = first_row + r < p.rows && start + k < p.w.cols;
      shared.x[r][k] = inside ? to_float(p.x[(first_row + r) * p.x_stride + start + k]) : 0;
    }
    for (int i = thread; i < (p.gated ? 2 : 1) * kOutputs * kDepth; i += kThreads) {
      const int r = i / kDepth, k = i % kDepth;
      const int col = first + r % kOutputs;
      const bool inside = col < p.outputs() && start + k < p.w.cols;
      // Read wherever it is: branches inside branches cost more.
      const int row_of = inside ? (r < kOutputs ? col : p.outputs() + col) : 0;
      const float value = value_of(p.w, row_of, inside ? start + k : 0);
      shared.w[r][k] = inside ? value : 0;
    }
    __syncthreads();
    for (int k = 0; k < kDepth; ++k) {
      const float gate = shared.w[output][k], up = p.gated ? shared.w[output + kOutputs][k] : 0;
#pragma unroll
      for (int r = 0; r < kRowsOfThread; ++r) {
        sums[r] = fmaf(shared.x[row + r][k], gate, sums[r]);
        if (p.gated) ups[r] = fmaf(shared.x[row + r][k], up, ups[r]);
      }
    }
    __syncthreads();
  }
#pragma unroll
  for (int r = 0; r < kRowsOfThread; ++r) {
    if (first_row + row + r < p.rows && first + output < p.outputs())
      store_output(p, first_row + row + r, first + output, sums[r], ups[r]);
  }
}

template <typename T>
auto kernel_for(CardFormat format) {
  switch (format) {
    case CardFormat::kF32:
      return plain_product<T, CardFormat::kF32>;
    case CardFormat::kF16:
      return plain_product<T, CardFormat::kF16>;
    case CardFormat::kBF16:
      return plain_product<T, CardFormat::kBF16>;
    case CardFormat::kInt8:
      return plain_product<T, CardFormat::kInt8>;
    case CardFormat::kInt4:
      return plain_product<T, CardFormat::kInt4>;
    default:
      return plain_product<T, CardFormat::kInt4Min>;
  }
}

}  // namespace

template <typename T>
void launch_plain_product(Stream& stream, const Product<T>& product) {
  // The grid's second dimension ends at 65535.
  constexpr int kMostRows = 65535 * kRows;
  for (int row = 0; row < product.rows; row += kMostRows) {
    Product<T> part = product;
    part.rows = product.rows - row < kMostRows ? product.rows - row : kMostRows;
    part.x += row * product.x_stride;
    const std::int64_t size = product.output == Output::kFloats ? sizeof(float) : sizeof(T);
    part.y = static_cast<std::byte*>(product.y) + row * product.y_stride * size;
    const Grid grid = {static_cast<unsigned>((product.outputs() + kOutputs - 1) / kOutputs),
                       static_cast<unsigned>((part.rows + kRows - 1) / kRows)};
    launch(stream, kernel_for<T>(product.w.format), grid, kThreads, sizeof(Shared), part);
  }
}

template void launch_plain_product<float>(Stream&, const Product<float>&);
template void launch_plain_product<bf16>(Stream&, const Product<bf16>&);
template void launch_plain_product<f16>(Stream&, const Product<f16>&);

}  // namespace millrace::gpu
