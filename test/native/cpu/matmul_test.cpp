#include "cpu/packed_weight.hpp"
#include "device_fixture.hpp"

namespace {

using namespace millrace;
using namespace millrace::test;

std::int64_t random_cols(DType dtype, std::mt19937_64& rng) {
  if (dtype == DType::kQ8_0) return 32 * uniform(rng, 1, 12);
  return uniform(rng, 1, 300);
}

ActivationForm form_of(Isa isa, DType dtype, int m) {
  return panel_method(panels_for(isa, false), stored_format(dtype).format, m).form;
}

// Row i of x as a product with weights of that form sees it: rounded to BF16, or to whole numbers with a
// scale for 32.
std::vector<double> seen(const Matrix& x, int i, ActivationForm form) {
  std::vector<double> values;
  for (int k = 0; k < x.cols; ++k) {
    if (form == ActivationForm::kF32) {
      values.push_back(x.at(i, k));
    } else if (form == ActivationForm::kBF16) {
      values.push_back(bf16_to_float(float_to_bf16(x.at(i, k))));
    } else {
      const int start = k / 32 * 32;
      float magnitude = 0;
      for (int j = start; j < std::min(start + 32, x.cols); ++j)
        magnitude = std::max(magnitude, std::abs(x.at(i, j)));
      const float scale = magnitude / 127;
      values.push_back(
          magnitude == 0 ? 0 : static_cast<double>(scale) * std::nearbyint(x.at(i, k) * (127 / magnitude)));
    }
  }
  return values;
}

// A dot product, and the sum of the magnitudes of its terms.
struct Dot {
  double sum = 0, magnitudes = 0;

  Dot(const std::vector<double>& x, const RandomWeight& w, std::int64_t j) {
    for (std::int64_t k = 0; k < w.cols; ++k) {
      const double term = x[static_cast<std::size_t>(k)] * w.value(j, k);
      sum += term;
      magnitudes += std::abs(term);
    }
  }
  // Error of a sum in F32 of n terms, in any order: about n units in the last place of the sum of magnitudes.
  // Seen errors are far smaller; a wrong term is far larger.
  [[nodiscard]] double tolerance() const { return 1e-6 * magnitudes + 1e-6; }
};

void check_product(Isa isa, DType dtype, int m, std::int64_t n, std::int64_t k, std::mt19937_64& rng) {
  const auto device = make_device(isa, 2);
  const RandomWeight w(dtype, n, k, rng), bias(DType::kF32, n, 1, rng);
  Matrix x(m, static_cast<int>(k), rng), y(m, static_cast<int>(n));
  const WeightView views[] = {w.view()}, bias_views[] = {bias.view()};
  const auto weight = device->upload(views), bias_weight = device->upload(bias_views);
  const bool with_bias = uniform(rng, 0, 1) == 1;
  device->matmul({x.tensor(), weight.get(), with_bias ? bias_weight.get() : nullptr, y.tensor()});
  device->synchronize();
  bool right = y.guards_hold();
  for (int i = 0; i < m; ++i) {
    const std::vector<double> row = seen(x, i, form_of(isa, dtype, m));
    for (std::int64_t j = 0; j < n; ++j) {
      const Dot dot(row, w, j);
      const double expected = dot.sum + (with_bias ? bias.value(j, 0) : 0);
      right = right && std::abs(y.at(i, static_cast<int>(j)) - expected) <= dot.tolerance();
    }
  }
  if (!right) {
    fail(__FILE__, __LINE__,
         std::string(isa_name(isa)) + " " + std::string(dtype_name(dtype)) + " m=" + std::to_string(m) +
             " n=" + std::to_string(n) + " k=" + std::to_string(k));
  }
  count_check();
}

}  // namespace

TEST("a matrix product equals a plain loop in double precision, for every type and awkward shapes") {
  auto rng = make_rng(1);
  for (const Isa isa : tested_isas()) {
    for (const DType dtype : kDTypes) {
      for (int m = 1; m <= 9; ++m) {
        check_product(isa, dtype, m, uniform(rng, 1, 20), random_cols(dtype, rng), rng);
      }
      check_product(isa, dtype, 1, 1, block_elements(dtype), rng);
      check_product(isa, dtype, 65, 37, random_cols(dtype, rng), rng);
      check_product(isa, dtype, 33, 300, 64, rng);
      check_product(isa, dtype, 8, 9, 2176, rng);
      check_product(isa, dtype, 2, 3, 2176, rng);
    }
  }
}

TEST("each row of a matrix product has the same bits alone, in any batch and on any number of threads") {
  auto rng = make_rng(2);
  for (const Isa isa : tested_isas()) {
    const auto one = make_device(isa, 1, true), many = make_device(isa, 5, true);
    for (const DType dtype : kDTypes) {
      for (const std::int64_t k :
           {std::int64_t{32}, 32 * std::int64_t{uniform(rng, 2, 40)}, std::int64_t{2208}}) {
        const int n = uniform(rng, 1, 100), most = uniform(rng, 10, 50);
        const RandomWeight w(dtype, n, k, rng);
        const WeightView views[] = {w.view()};
        const auto weight = one->upload(views);
        Matrix x(most, static_cast<int>(k), rng), alone(most, n);
        for (int i = 0; i < most; ++i) {
          one->matmul({x.slice(i, 1), weight.get(), nullptr, alone.slice(i, 1)});
        }
        for (int m = 1; m <= most; m += m < 10 ? 1 : 13) {
          Matrix batched = alone;
          for (int i = 0; i < m; ++i) std::fill_n(&batched.at(i, 0), n, 0.0F);
          many->matmul({x.slice(0, m), weight.get(), nullptr, batched.slice(0, m)});
          CHECK(same_bits(batched, alone));
        }
      }
    }
  }
}

TEST("a weight stacked of views of different types multiplies like its parts one after the other") {
  auto rng = make_rng(3);
  for (const Isa isa : tested_isas()) {
    const auto device = make_device(isa, 3);
    const RandomWeight a(DType::kBF16, 300, 96, rng), b(DType::kQ8_0, 7, 96, rng),
        c(DType::kF32, 40, 96, rng);
    const WeightView views[] = {a.view(), b.view(), c.view()};
    const auto weight = device->upload(views);
    CHECK_EQ(weight->rows(), 347);
    for (const int m : {1, 5, 40}) {
      Matrix x(m, 96, rng), y(m, 347), part(m, 300);
      device->matmul({x.tensor(), weight.get(), nullptr, y.tensor()});
      int start = 0;
      for (const RandomWeight* w : {&a, &b, &c}) {
        const WeightView one[] = {w->view()};
        device->matmul({x.tensor(), device->upload(one).get(), nullptr, part.tensor()});
        bool same = true;
        for (int i = 0; i < m; ++i) {
          same = same && std::equal(&part.at(i, 0), &part.at(i, 0) + w->rows, &y.at(i, start));
        }
        CHECK(same);
        start += static_cast<int>(w->rows);
      }
    }
  }
}

TEST("Q8_0 scales that are zero, subnormal, negative or the largest multiply exactly") {
  // Bits of the scale and its value.
  const std::pair<std::uint16_t, double> scales[] = {
      {0x0000, 0},       {0x8000, 0},     {0x0001, 0x1p-24}, {0x83FF, -1023 * 0x1p-24},
      {0x0400, 0x1p-14}, {0x7BFF, 65504}, {0xBC00, -1}};
  for (const Isa isa : tested_isas()) {
    const auto device = make_device(isa);
    for (const auto& [bits, value] : scales) {
      std::byte block[34];
      std::memcpy(block, &bits, 2);
      for (int i = 0; i < 32; ++i) block[2 + i] = static_cast<std::byte>(i == 7 ? -128 : 0);
      const WeightView views[] = {{block, DType::kQ8_0, 1, 32, 34}};
      const auto weight = device->upload(views);
      for (const int m : {1, 40}) {
        Matrix x(m, 32), y(m, 1);
        for (int i = 0; i < m; ++i) {
          std::fill_n(&x.at(i, 0), 32, 0.0F);
          x.at(i, 7) = 0.5F;
        }
        device->matmul({x.tensor(), weight.get(), nullptr, y.tensor()});
        CHECK_EQ(static_cast<double>(y.at(m - 1, 0)), value * -64);
      }
    }
  }
}

TEST("a gated product is the activation of one half of the weight's rows times the other half") {
  auto rng = make_rng(6);
  for (const Isa isa : tested_isas()) {
    const auto device = make_device(isa, 3);
    for (const auto& [gate_type, up_type] :
         {std::pair{DType::kF32, DType::kF32}, {DType::kBF16, DType::kBF16}, {DType::kQ8_0, DType::kF16}}) {
      for (const int n : {1, 16, 40, 200}) {
        const RandomWeight gate(gate_type, n, 96, rng), up(up_type, n, 96, rng);
        const WeightView both[] = {gate.view(), up.view()}, first[] = {gate.view()}, second[] = {up.view()};
        const auto weight = device->upload(both), gate_weight = device->upload(first),
                   up_weight = device->upload(second);
        for (const int m : {1, 7, 100}) {
          Matrix x(m, 96, rng), fused(m, n), gates(m, n), ups(m, n), expected(m, n);
          for (const Activation activation : {Activation::kSilu, Activation::kGelu, Activation::kGeluTanh}) {
            device->matmul({x.tensor(), weight.get(), nullptr, fused.tensor(), activation});
            device->matmul({x.tensor(), gate_weight.get(), nullptr, gates.tensor()});
            device->matmul({x.tensor(), up_weight.get(), nullptr, ups.tensor()});
            const auto gated = kernels_for(isa).gated[static_cast<int>(activation)];
            for (int i = 0; i < m; ++i) gated(&gates.at(i, 0), &ups.at(i, 0), &expected.at(i, 0), n);
            CHECK(same_bits(fused, expected));
          }
        }
      }
    }
  }
}

TEST("an infinite or NaN activation is not lost when activations become whole numbers") {
  auto rng = make_rng(7);
  for (const Isa isa : tested_isas()) {
    const auto device = make_device(isa);
    const RandomWeight w(DType::kQ8_0, 3, 64, rng);
    const WeightView views[] = {w.view()};
    const auto weight = device->upload(views);
    for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
      for (const int m : {1, 40}) {
        Matrix x(m, 64, rng), y(m, 3);
        x.at(m - 1, 40) = bad;
        device->matmul({x.tensor(), weight.get(), nullptr, y.tensor()});
        for (int j = 0; j < 3; ++j) CHECK(!std::isfinite(y.at(m - 1, j)));
        CHECK(m == 1 || std::isfinite(y.at(0, 0)));
      }
    }
  }
}

TEST("a product without rows does nothing") {
  auto rng = make_rng(4);
  const auto device = make_device(Isa::kScalar);
  const RandomWeight w(DType::kF32, 3, 4, rng);
  const WeightView views[] = {w.view()};
  const auto weight = device->upload(views);
  Matrix x(1, 4, rng), y(1, 3);
  device->matmul({x.slice(0, 0), weight.get(), nullptr, y.slice(0, 0)});
  CHECK_EQ(y.at(0, 0), Matrix::kGuard);
}

TEST("views that do not stack are refused by upload") {
  auto rng = make_rng(5);
  const auto device = make_device(Isa::kScalar);
  const RandomWeight a(DType::kF32, 3, 4, rng), b(DType::kF32, 3, 5, rng), q(DType::kQ8_0, 2, 32, rng);
  const WeightView different[] = {a.view(), b.view()};
  CHECK_CONTAINS(CHECK_THROWS_CODE(device->upload(different), "ERR_INVALID_PARAMETER"), "4 and 5 columns");
  WeightView odd[] = {q.view()};
  odd[0].cols = 31;
  CHECK_THROWS_CODE(device->upload(odd), "ERR_INVALID_PARAMETER");
  WeightView narrow[] = {a.view()};
  narrow[0].row_bytes = 15;
  CHECK_THROWS_CODE(device->upload(narrow), "ERR_INVALID_PARAMETER");
  CHECK_THROWS_CODE(device->upload({}), "ERR_INVALID_PARAMETER");
}
