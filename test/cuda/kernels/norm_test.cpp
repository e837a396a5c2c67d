#include "kernels/norm.hpp"

#include <cmath>

#include "kernel_fixture.hpp"

namespace millrace::test {
namespace {

template <typename T>
void check_norm(int rows, int cols, bool with_delta, float tolerance) {
  auto rng = make_rng(static_cast<std::uint64_t>(rows * 10007 + cols));
  const int stride = cols + 8;
  const auto x = rounded<T>(random_values(rng, rows * stride));
  const auto delta = rounded<T>(random_values(rng, rows * stride));
  const auto weight = random_values(rng, cols);
  in_every_order([&] {
    const CardArray<T> card_x{std::span<const T>(x)}, card_delta{std::span<const T>(delta)},
        out(rows * stride);
    CardArray<float> card_weight{std::span<const float>(weight)};
    card_weight.seal();
    gpu::Stream stream;
    gpu::launch_norm<T>(stream, {card_x.data(), stride, with_delta ? card_delta.data() : nullptr, stride,
                                 card_weight.data(), out.data(), stride, rows, cols, 1e-5F});
    stream.synchronize();
    const auto summed = widened<T>(card_x.values()), result = widened<T>(out.values());
    float worst = 0;
    for (int row = 0; row < rows; ++row) {
      double squares = 0;
      for (int col = 0; col < cols; ++col) {
        const auto at = static_cast<std::size_t>(row * stride + col);
        const float sum =
            with_delta ? gpu::to_float(gpu::from_float<T>(gpu::to_float(x[at]) + gpu::to_float(delta[at])))
                       : gpu::to_float(x[at]);
        CHECK_EQ(summed[at], sum);
        squares += static_cast<double>(sum) * static_cast<double>(sum);
      }
      const double scale = 1 / std::sqrt(squares / cols + 1e-5);
      for (int col = 0; col < cols; ++col) {
        const auto at = static_cast<std::size_t>(row * stride + col);
        const auto expected = static_cast<float>(static_cast<double>(summed[at]) * scale *
                                                 static_cast<double>(weight[static_cast<std::size_t>(col)]));
        const float difference = std::abs(result[at] - expected) / std::max(1.0F, std::abs(expected));
        worst = worse_of(worst, difference);
      }
    }
    CHECK(worst <= tolerance);
  });
}

}  // namespace

TEST("the CUDA norm is that of the definition for rows of every length") {
  for (const int cols : {8, 64, 136, 1024, 4096 + 64, 12288 + 8}) {
    for (const bool with_delta : {false, true}) {
      check_norm<float>(3, cols, with_delta, 1e-5F);
      check_norm<gpu::bf16>(3, cols, with_delta, 8e-3F);
      check_norm<gpu::f16>(3, cols, with_delta, 1e-3F);
    }
  }
}

TEST("the CUDA norm needs each of its barriers") {
  check_every_barrier_matters([] {
    auto rng = make_rng(902);
    const auto x = random_values(rng, 2 * 512), weight = random_values(rng, 512);
    const CardArray<float> card_x{std::span<const float>(x)}, out(2 * 512);
    CardArray<float> card_weight{std::span<const float>(weight)};
    card_weight.seal();
    gpu::Stream stream;
    gpu::launch_norm<float>(
        stream, {card_x.data(), 512, nullptr, 512, card_weight.data(), out.data(), 512, 2, 512, 1e-5F});
    stream.synchronize();
    return bytes_of(out.values());
  });
}

TEST("the CUDA norm of no rows does nothing") {
  gpu::Stream stream;
  gpu::launch_norm<float>(stream, {nullptr, 8, nullptr, 8, nullptr, nullptr, 8, 0, 8, 1e-5F});
  stream.synchronize();
  CHECK(true);
}

}  // namespace millrace::test
