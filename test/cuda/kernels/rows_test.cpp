#include "kernels/rows.hpp"

#include "barrier_check.hpp"
#include "kernel_fixture.hpp"

namespace millrace::test {
namespace {

template <typename T>
void check_add(int rows, int cols) {
  auto rng = make_rng(static_cast<std::uint64_t>(rows * 10007 + cols));
  const int stride = cols + 8;
  const auto x = rounded<T>(random_values(rng, rows * stride));
  const auto delta = rounded<T>(random_values(rng, rows * stride));
  auto expected = x;
  for (int i = 0; i < rows * stride; ++i) {
    const auto at = static_cast<std::size_t>(i);
    if (i % stride < cols) expected[at] = gpu::from_float<T>(gpu::to_float(x[at]) + gpu::to_float(delta[at]));
  }
  const CardArray<T> card_x{std::span<const T>(x)}, card_delta{std::span<const T>(delta)};
  gpu::Stream stream;
  gpu::launch_add<T>(stream, card_x.data(), stride, card_delta.data(), stride, rows, cols);
  stream.synchronize();
  CHECK(bytes_of(card_x.values()) == bytes_of(expected));
}

template <typename T>
void check_gather(int cols) {
  auto rng = make_rng(static_cast<std::uint64_t>(cols));
  const int stride = cols + 16, out_stride = cols + 8;
  const std::vector<std::int32_t> indices = {4, 0, 0, 6, 3};
  const auto x = rounded<T>(random_values(rng, 7 * stride));
  const CardArray<T> card_x{std::span<const T>(x)}, out(5 * out_stride);
  const CardArray<std::int32_t> card_indices{std::span<const std::int32_t>(indices)};
  auto expected = out.values();
  for (std::size_t i = 0; i < indices.size(); ++i) {
    std::copy_n(x.begin() + indices[i] * stride, cols,
                expected.begin() + static_cast<std::ptrdiff_t>(i) * out_stride);
  }
  gpu::Stream stream;
  gpu::launch_gather_rows<T>(stream, card_x.data(), stride, card_indices.data(), out.data(), out_stride, 5,
                             cols);
  stream.synchronize();
  CHECK(bytes_of(out.values()) == bytes_of(expected));
}

}  // namespace

TEST("the CUDA sum of rows is rounded once and writes nothing beside the rows") {
  for (const int cols : {8, 72, 1024, 4096 + 8}) {
    check_add<float>(3, cols);
    check_add<gpu::bf16>(3, cols);
    check_add<gpu::f16>(2, cols);
  }
  check_add<float>(0, 8);
}

TEST("CUDA rows are gathered in the order of their indices, some of them twice") {
  for (const int cols : {8, 72, 1024, 4096 + 8}) {
    check_gather<float>(cols);
    check_gather<gpu::bf16>(cols);
    check_gather<gpu::f16>(cols);
  }
}

}  // namespace millrace::test
