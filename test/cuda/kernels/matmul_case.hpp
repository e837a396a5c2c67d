// A product on the card with random x and bias, and what it must be.
#pragma once
#include <cmath>
#include <optional>

#include "card_fixture.hpp"
#include "kernels/matmul.hpp"
#include "platform/runtime.hpp"

namespace millrace::test {

// One unit in the last place of T, of one.
template <typename T>
constexpr double kRounding = 0x1p-23;
template <>
inline constexpr double kRounding<gpu::bf16> = 0x1p-8;
template <>
inline constexpr double kRounding<gpu::f16> = 0x1p-11;

struct ProductOptions {
  bool with_bias = false;
  bool y_is_float = false;
  std::optional<Activation> activation = std::nullopt;
  const gpu::ProductLibrary* library = nullptr;  // rows are then as it wants them
};

inline double activated(Activation activation, double x) {
  switch (activation) {
    case Activation::kSilu:
      return x / (1 + std::exp(-x));
    case Activation::kGelu:
      return 0.5 * x * (1 + std::erf(x * 0.7071067811865476));
    case Activation::kGeluTanh:
      return 0.5 * x * (1 + std::tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
  }
  return x;
}

// A sum of products, and of their magnitudes.
struct Dot {
  double sum = 0, magnitudes = 0;

  Dot(const float* x, const std::vector<float>& w) {
    for (std::size_t k = 0; k < w.size(); ++k) {
      const double term = static_cast<double>(x[k]) * static_cast<double>(w[k]);
      sum += term;
      magnitudes += std::abs(term);
    }
  }
  // Of n terms in F32, in any order; seen errors are far smaller, a wrong term's is far larger. Codes are
  // multiplied without their scale, and those with minima before the minimum is taken off.
  [[nodiscard]] double tolerance() const { return 2e-6 * magnitudes + 1e-6; }
};

// x, weight, bias and what their product must be; the product on the card is run in every order of threads.
template <typename T>
class ProductCase {
 public:
  ProductCase(const gpu::CardWeight& weight, int rows, ProductOptions options, std::mt19937_64& rng)
      : weight_(weight), rows_(rows), options_(options), cols_(static_cast<int>(weight.cols())) {
    x_stride_ = (cols_ + 7) / 8 * 8 + 8;
    y_stride_ = options.library == nullptr ? outputs() + 3 : (outputs() + 7) / 8 * 8 + 8;
    x_ = rounded<T>(random_values(rng, rows * x_stride_));
    narrow_bias_ = rounded<T>(random_values(rng, weight.rows()));
    bias_ = widened<T>(std::span<const T>(narrow_bias_));
    for (std::int64_t row = 0; row < weight.rows(); ++row) w_.push_back(card_row(weight, row));
  }

  [[nodiscard]] bool is_right() const {
    return options_.y_is_float ? is_right_as<float>() : is_right_as<T>();
  }

  // Of the first rows.
  template <typename Out>
  [[nodiscard]] std::vector<float> run(int rows) const {
    const Begin begin = options_.library == nullptr ? Begin::kAtEnd : Begin::kWhole;
    const CardArray<T> x{std::span<const T>(x_), begin};
    const CardArray<float> bias{std::span<const float>(bias_), begin};
    const CardArray<T> narrow_bias{std::span<const T>(narrow_bias_), begin};
    const CardArray<Out> y(rows * y_stride_, begin);
    constexpr int kMultiprocessors = 4;
    const std::int64_t bytes = gpu::matmul_workspace_bytes(rows, weight_, options_.activation.has_value(),
                                                           kMultiprocessors, options_.library);
    const CardArray<std::byte> workspace(bytes, begin);
    gpu::Stream stream;
    gpu::launch_matmul<T>(
        stream, {x.data(), x_stride_, &weight_, options_.with_bias ? bias.data() : nullptr, y.data(),
                 y_stride_, rows, options_.y_is_float, options_.activation, kMultiprocessors,
                 workspace.data(), options_.library, options_.with_bias ? narrow_bias.data() : nullptr});
    stream.synchronize();
    return widened<Out>(y.values());
  }

 private:
  [[nodiscard]] int outputs() const {
    return static_cast<int>(weight_.rows()) / (options_.activation ? 2 : 1);
  }

  template <typename Out>
  [[nodiscard]] bool is_right_as() const {
    bool right = true;
    const auto x = widened<T>(std::span<const T>(x_));
    in_every_order([&] {
      const std::vector<float> y = run<Out>(rows_);
      for (int row = 0; row < rows_; ++row) {
        for (int col = 0; col < y_stride_; ++col) {
          const float value = y[static_cast<std::size_t>(row * y_stride_ + col)];
          // Between the rows nothing is written.
          right = right && (col < outputs() ? is_near<Out>(value, x.data() + row * x_stride_, col)
                                            : std::isnan(value));
        }
      }
    });
    return right;
  }

  template <typename Out>
  [[nodiscard]] bool is_near(float value, const float* x, int col) const {
    const Dot dot(x, w_[static_cast<std::size_t>(col)]);
    double expected = dot.sum, tolerance = dot.tolerance();
    if (options_.with_bias) expected += static_cast<double>(bias_[static_cast<std::size_t>(col)]);
    if (options_.activation) {
      const Dot up(x, w_[static_cast<std::size_t>(outputs() + col)]);
      expected = activated(*options_.activation, dot.sum) * up.sum;
      // The slope of an activation is 1.2 at most.
      tolerance = 1.2 * dot.tolerance() * std::abs(up.sum) + std::abs(dot.sum) * up.tolerance() + 1e-6;
      // Gate and up are rounded before.
      if (options_.library != nullptr)
        tolerance += 1.1 * kRounding<T> * (std::abs(dot.sum * up.sum) + std::abs(expected));
    }
    return std::abs(static_cast<double>(value) - expected) <= tolerance + kRounding<Out> * std::abs(expected);
  }

  const gpu::CardWeight& weight_;
  const int rows_;
  const ProductOptions options_;
  const int cols_;
  std::int64_t x_stride_, y_stride_;
  std::vector<T> x_;
  std::vector<T> narrow_bias_;
  std::vector<float> bias_;
  std::vector<std::vector<float>> w_;
};

}  // namespace millrace::test
