#include "kernels/matmul.hpp"

#include <bit>
#include <cmath>

#include "matmul_case.hpp"
#include "platform/runtime.hpp"

namespace millrace::test {
namespace {

struct Shape {
  int rows, outputs;
  std::int64_t cols;
};

using Options = ProductOptions;

template <typename T>
using Case = ProductCase<T>;

template <typename T>
void check_product(const WeightForm& form, Shape shape, Options options, std::mt19937_64& rng) {
  const std::int64_t cols = form.whole(shape.cols);
  const RandomWeight w(form.dtype, shape.outputs * (options.activation ? 2 : 1), cols, rng);
  const WeightView views[] = {w.view()};
  const auto weight = upload_to_card(kCardFormatOf<T>, views, form.quantization);
  if (!Case<T>(*weight, shape.rows, options, rng).is_right()) {
    fail(__FILE__, __LINE__,
         form.name() + " rows=" + std::to_string(shape.rows) + " outputs=" + std::to_string(shape.outputs) +
             " cols=" + std::to_string(cols));
  }
  count_check();
}

template <typename T>
void check_products(Shape shape, std::mt19937_64& rng) {
  for (const WeightForm& form : kWeightForms) {
    Options options;
    options.with_bias = uniform(rng, 0, 1) == 1;
    options.y_is_float = uniform(rng, 0, 1) == 1;
    check_product<T>(form, shape, options, rng);
  }
}

}  // namespace

TEST("a CUDA product in F32 is that of the definition for every weight and awkward shapes") {
  auto rng = make_rng(31);
  for (const Shape shape : {Shape{1, 1, 8}, {1, 37, 264}, {3, 16, 40}, {9, 33, 72}, {40, 34, 64}, {2, 5, 3}})
    check_products<float>(shape, rng);
}

TEST("a CUDA product of few rows is that of the definition for every weight and awkward shapes") {
  auto rng = make_rng(38);
  for (const Shape shape : {Shape{1, 1, 8}, {1, 40, 1096}, {8, 17, 264}, {9, 16, 40}, {16, 37, 600}}) {
    check_products<gpu::bf16>(shape, rng);
    check_products<gpu::f16>(shape, rng);
  }
}

TEST("a CUDA product of many rows is that of the definition for every weight and awkward shapes") {
  auto rng = make_rng(40);
  for (const Shape shape : {Shape{17, 1, 8}, {33, 130, 264}, {70, 72, 520}, {20, 9, 1160}}) {
    check_products<gpu::bf16>(shape, rng);
    check_products<gpu::f16>(shape, rng);
  }
  // Enough of the large tiles for the four multiprocessors of the test.
  check_product<gpu::bf16>({DType::kBF16}, {130, 300, 104}, {.with_bias = true}, rng);
}

TEST("a gated CUDA product of many rows is right, in one piece and split") {
  auto rng = make_rng(41);
  for (const WeightForm& form : kWeightForms) {
    for (const Shape shape : {Shape{21, 40, 72}, {19, 8, 1160}, {18, 13, 64}})
      check_product<gpu::bf16>(form, shape, {.activation = Activation::kSilu}, rng);
  }
  check_product<gpu::f16>({DType::kF16}, {140, 130, 40}, {.activation = Activation::kGelu}, rng);
}

TEST("a row of a CUDA product has the same bits beside any other rows, up to 16") {
  auto rng = make_rng(39);
  for (const WeightForm& form : kWeightForms) {
    const RandomWeight w(form.dtype, 20, form.whole(512), rng);
    const WeightView views[] = {w.view()};
    const auto weight = upload_to_card(gpu::CardFormat::kBF16, views, form.quantization);
    const Case<gpu::bf16> many(*weight, 16, {.y_is_float = true}, rng);
    const std::vector<float> all = many.run<float>(16);
    for (const int rows : {1, 3, 8, 9}) {
      const std::vector<float> some = many.run<float>(rows);
      bool same = true;
      for (std::size_t i = 0; i < some.size(); ++i)
        same = same && std::bit_cast<std::uint32_t>(some[i]) == std::bit_cast<std::uint32_t>(all[i]);
      CHECK(same);
    }
  }
}

// Whole numbers with 127 among each 32: activations that the CPU's whole-number products round to themselves.
Matrix whole_activations(int rows, std::int64_t cols, std::mt19937_64& rng) {
  Matrix x(rows, static_cast<int>(cols));
  for (int i = 0; i < rows; ++i) {
    for (int k = 0; k < x.cols; ++k)
      x.at(i, k) = k % 32 == 5 || k == 0 ? 127.0F : static_cast<float>(uniform(rng, -127, 127));
  }
  return x;
}

TEST("a CUDA product is that of the scalar CPU device to 1e-4, for every weight and number of rows") {
  auto rng = make_rng(42);
  const auto device = make_device(Isa::kScalar);
  for (const WeightForm& form : kWeightForms) {
    const std::int64_t cols = form.whole(192);
    const RandomWeight w(form.dtype, 40, cols, rng);
    const WeightView views[] = {w.view()};
    const auto weight = upload_to_card(gpu::CardFormat::kBF16, views, form.quantization);
    const auto cpu = device->upload(views, form.quantization);
    for (const int rows : {1, 16, 24}) {
      Matrix x = whole_activations(rows, cols, rng), expected(rows, 40);
      device->matmul({x.tensor(), cpu.get(), nullptr, expected.tensor()});
      const auto x_rounded = rounded<gpu::bf16>(x.data);
      std::vector<gpu::bf16> dense;
      for (int i = 0; i < rows; ++i)
        dense.insert(dense.end(), &x_rounded[static_cast<std::size_t>(i * x.stride)],
                     &x_rounded[static_cast<std::size_t>(i * x.stride + cols)]);
      const CardArray<gpu::bf16> card_x{std::span<const gpu::bf16>(dense)};
      const CardArray<float> y(rows * 40);
      const CardArray<std::byte> workspace(gpu::matmul_workspace_bytes(rows, *weight, false, 4));
      gpu::Stream stream;
      gpu::launch_matmul<gpu::bf16>(stream, {card_x.data(), cols, weight.get(), nullptr, y.data(), 40, rows,
                                             true, std::nullopt, 4, workspace.data()});
      stream.synchronize();
      const std::vector<float> values = y.values();
      double difference = 0, magnitude = 0;
      for (int i = 0; i < rows; ++i) {
        for (int j = 0; j < 40; ++j) {
          difference = std::max(difference,
                                std::abs(static_cast<double>(values[static_cast<std::size_t>(i * 40 + j)]) -
                                         static_cast<double>(expected.at(i, j))));
          magnitude = std::max(magnitude, std::abs(static_cast<double>(expected.at(i, j))));
        }
      }
      // Rounding F32 and F16 weights to BF16 is 0.4 % of each at most, and less in a sum.
      const bool is_rounded = form.quantization.kind == Quantization::Kind::kNone &&
                              (form.dtype == DType::kF32 || form.dtype == DType::kF16);
      CHECK(difference <= (is_rounded ? 4e-3 : 1e-4) * magnitude);
    }
  }
}

TEST("a CUDA product whose columns or addresses are not whole vectors is right") {
  auto rng = make_rng(32);
  for (const int cols : {2, 5, 131}) {
    for (const DType dtype : {DType::kBF16, DType::kF32}) {
      check_product<gpu::bf16>({dtype}, {3, 17, cols}, {.with_bias = true}, rng);
      check_product<gpu::f16>({dtype, {Quantization::Kind::kInt8}}, {21, 9, cols}, {}, rng);
    }
  }
}

TEST("a gated CUDA product is the activation of one half of the weight's rows times the other half") {
  auto rng = make_rng(33);
  for (const Activation activation : {Activation::kSilu, Activation::kGelu, Activation::kGeluTanh}) {
    for (const int outputs : {1, 24, 41}) {
      check_product<float>({DType::kF32}, {3, outputs, 40}, {.activation = activation}, rng);
      for (const DType dtype : {DType::kBF16, DType::kQ8_0, DType::kQ4_0})
        check_product<gpu::bf16>({dtype}, {uniform(rng, 1, 12), outputs, 96}, {.activation = activation},
                                 rng);
    }
  }
}

TEST("a CUDA product with gate and up in different formats is right in every part of its rows") {
  auto rng = make_rng(34);
  // The second is split: its sums and those of the splits are in the workspace together.
  for (const auto& [cols, all_rows] : {std::pair{32, std::vector{1, 300}}, {1152, {20}}}) {
    const RandomWeight gate(DType::kQ8_0, 9, cols, rng), up(DType::kBF16, 9, cols, rng);
    const WeightView views[] = {gate.view(), up.view()};
    const auto weight = upload_to_card(gpu::CardFormat::kBF16, views);
    for (const int rows : all_rows)
      CHECK(Case<gpu::bf16>(*weight, rows, {.activation = Activation::kSilu}, rng).is_right());
  }
}

TEST("a CUDA product with a weight stacked of formats has each part's outputs in place") {
  auto rng = make_rng(35);
  const RandomWeight q(DType::kQ4_K, 24, 256, rng), k(DType::kQ4_K, 3, 256, rng),
      v(DType::kQ6_K, 9, 256, rng);
  const WeightView views[] = {q.view(), k.view(), v.view()};
  const auto weight = upload_to_card(gpu::CardFormat::kF16, views);
  for (const int rows : {1, 20}) CHECK(Case<gpu::f16>(*weight, rows, {.with_bias = true}, rng).is_right());
}

TEST("a CUDA product of no rows does nothing") {
  auto rng = make_rng(36);
  const RandomWeight w(DType::kBF16, 3, 16, rng);
  const WeightView views[] = {w.view()};
  const auto weight = upload_to_card(gpu::CardFormat::kBF16, views);
  gpu::Stream stream;
  const CardArray<float> y(8);
  gpu::launch_matmul<gpu::bf16>(
      stream, {nullptr, 16, weight.get(), nullptr, y.data(), 8, 0, true, std::nullopt, 4, nullptr});
  stream.synchronize();
  CHECK(std::isnan(y.values()[0]));
}

TEST("CUDA embeddings are the rows of their tokens, for every table") {
  auto rng = make_rng(37);
  for (const WeightForm& form : kWeightForms) {
    const std::int64_t cols = form.whole(200);
    const RandomWeight table(form.dtype, 21, cols, rng);
    const WeightView views[] = {table.view()};
    const auto weight = upload_to_card(gpu::CardFormat::kBF16, views, form.quantization);
    const std::vector<std::int32_t> ids = {20, 0, 7, 7};
    in_every_order([&] {
      const CardArray<std::int32_t> tokens{std::span<const std::int32_t>(ids)};
      const CardArray<gpu::bf16> out(4 * (cols + 8));
      gpu::Stream stream;
      gpu::launch_embed<gpu::bf16>(stream, *weight, tokens.data(), out.data(), cols + 8, 4);
      stream.synchronize();
      const auto values = out.values();
      for (std::size_t i = 0; i < ids.size(); ++i) {
        const std::vector<float> row = card_row(*weight, ids[i]);
        bool same = true;
        for (std::size_t k = 0; k < row.size(); ++k) {
          const gpu::bf16 expected = gpu::from_float<gpu::bf16>(row[k]);
          same = same && values[i * static_cast<std::size_t>(cols + 8) + k].bits == expected.bits;
        }
        CHECK(same);
      }
    });
  }
}

}  // namespace millrace::test
