#include "cpu/cpu_weight.hpp"
#include "cpu/panels.hpp"
#include "device_fixture.hpp"

namespace {

using namespace millrace;
using namespace millrace::test;

// A checkpoint's type, and what upload makes of it.
struct Storage {
  DType dtype;
  Quantization quantization = {};

  // Columns come in multiples of this.
  [[nodiscard]] std::int64_t unit() const {
    return std::max<std::int64_t>(block_elements(dtype), quantization.group);
  }
  [[nodiscard]] std::int64_t whole(std::int64_t cols) const { return (cols + unit() - 1) / unit() * unit(); }
  [[nodiscard]] std::string name() const {
    return std::string(dtype_name(dtype)) + "/" + std::to_string(static_cast<int>(quantization.kind)) + "/" +
           std::to_string(quantization.group);
  }
};

constexpr Storage kStorages[] = {{DType::kF32},
                                 {DType::kF16},
                                 {DType::kBF16},
                                 {DType::kQ8_0},
                                 {DType::kQ4_0},
                                 {DType::kQ4_K},
                                 {DType::kQ6_K},
                                 {DType::kBF16, {Quantization::Kind::kInt8}},
                                 {DType::kF32, {Quantization::Kind::kInt4, 32}},
                                 {DType::kF16, {Quantization::Kind::kInt4, 64}},
                                 {DType::kBF16, {Quantization::Kind::kInt4, 128}}};

std::int64_t random_cols(const Storage& storage, std::mt19937_64& rng) {
  return storage.whole(uniform(rng, 1, 300));
}

std::unique_ptr<Weight> upload(Device& device, const RandomWeight& weight, Quantization quantization = {}) {
  const WeightView views[] = {weight.view()};
  return device.upload(views, quantization);
}

ActivationForm form_of(Isa isa, const Weight& weight, int m) {
  const PanelFormat format = static_cast<const CpuWeight&>(weight).segments()[0].layout.format;
  return panel_method(panels_for(isa, false), format, m).form;
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

  Dot(const std::vector<double>& x, const std::vector<float>& w) {
    for (std::size_t k = 0; k < w.size(); ++k) {
      const double term = x[k] * static_cast<double>(w[k]);
      sum += term;
      magnitudes += std::abs(term);
    }
  }
  // Error of a sum in F32 of n terms, in any order: about n units in the last place of the sum of magnitudes.
  // Seen errors are far smaller; a wrong term is far larger.
  [[nodiscard]] double tolerance() const { return 1e-6 * magnitudes + 1e-6; }
};

// What is multiplied is what the embedding reads, which other tests compare with the checkpoint.
std::vector<std::vector<float>> rows_of(const Weight& weight) {
  std::vector<std::vector<float>> rows;
  for (std::int64_t j = 0; j < weight.rows(); ++j) {
    rows.emplace_back(static_cast<std::size_t>(weight.cols()));
    static_cast<const CpuWeight&>(weight).read_row(j, rows.back().data());
  }
  return rows;
}

void check_product(Isa isa, const Storage& storage, int m, std::int64_t n, std::int64_t cols,
                   std::mt19937_64& rng) {
  const std::int64_t k = storage.whole(cols);
  const auto device = make_device(isa, 2);
  const RandomWeight w(storage.dtype, n, k, rng), bias(DType::kF32, n, 1, rng);
  Matrix x(m, static_cast<int>(k), rng), y(m, static_cast<int>(n));
  const auto weight = upload(*device, w, storage.quantization), bias_weight = upload(*device, bias);
  const bool with_bias = uniform(rng, 0, 1) == 1;
  device->matmul({x.tensor(), weight.get(), with_bias ? bias_weight.get() : nullptr, y.tensor()});
  device->synchronize();
  bool right = y.guards_hold();
  const std::vector<std::vector<float>> rows = rows_of(*weight);
  for (int i = 0; i < m; ++i) {
    const std::vector<double> row = seen(x, i, form_of(isa, *weight, m));
    for (std::int64_t j = 0; j < n; ++j) {
      const Dot dot(row, rows[static_cast<std::size_t>(j)]);
      const double expected = dot.sum + (with_bias ? bias.value(j, 0) : 0);
      right = right && std::abs(y.at(i, static_cast<int>(j)) - expected) <= dot.tolerance();
    }
  }
  if (!right) {
    fail(__FILE__, __LINE__,
         std::string(isa_name(isa)) + " " + storage.name() + " m=" + std::to_string(m) +
             " n=" + std::to_string(n) + " k=" + std::to_string(k));
  }
  count_check();
}

}  // namespace

TEST("a matrix product equals a plain loop in double precision, for every type and awkward shapes") {
  auto rng = make_rng(1);
  for (const Isa isa : tested_isas()) {
    for (const Storage& storage : kStorages) {
      for (int m = 1; m <= 9; ++m) {
        check_product(isa, storage, m, uniform(rng, 1, 20), random_cols(storage, rng), rng);
      }
      check_product(isa, storage, 1, 1, 1, rng);
      check_product(isa, storage, 65, 37, random_cols(storage, rng), rng);
      check_product(isa, storage, 33, 300, 64, rng);
      check_product(isa, storage, 8, 9, 2176, rng);
      check_product(isa, storage, 2, 3, 2176, rng);
    }
  }
}

TEST("each row of a matrix product has the same bits alone, in any batch and on any number of threads") {
  auto rng = make_rng(2);
  for (const Isa isa : tested_isas()) {
    const auto one = make_device(isa, 1, true), many = make_device(isa, 5, true);
    for (const Storage& storage : kStorages) {
      for (const int cols : {32, 32 * uniform(rng, 2, 40), 2208}) {
        const std::int64_t k = storage.whole(cols);
        const int n = uniform(rng, 1, 100), most = uniform(rng, 10, 50);
        const RandomWeight w(storage.dtype, n, k, rng);
        const auto weight = upload(*one, w, storage.quantization);
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
    const auto weight = device->upload(views, {});
    CHECK_EQ(weight->rows(), 347);
    for (const int m : {1, 5, 40}) {
      Matrix x(m, 96, rng), y(m, 347), part(m, 300);
      device->matmul({x.tensor(), weight.get(), nullptr, y.tensor()});
      int start = 0;
      for (const RandomWeight* w : {&a, &b, &c}) {
        device->matmul({x.tensor(), upload(*device, *w).get(), nullptr, part.tensor()});
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
      const auto weight = device->upload(views, {});
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
        const auto weight = device->upload(both, {}), gate_weight = device->upload(first, {}),
                   up_weight = device->upload(second, {});
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
    const auto weight = upload(*device, w);
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
  const auto weight = device->upload(views, {});
  Matrix x(1, 4, rng), y(1, 3);
  device->matmul({x.slice(0, 0), weight.get(), nullptr, y.slice(0, 0)});
  CHECK_EQ(y.at(0, 0), Matrix::kGuard);
}

TEST("views that do not stack are refused by upload") {
  auto rng = make_rng(5);
  const auto device = make_device(Isa::kScalar);
  const RandomWeight a(DType::kF32, 3, 4, rng), b(DType::kF32, 3, 5, rng), q(DType::kQ8_0, 2, 32, rng);
  const WeightView different[] = {a.view(), b.view()};
  CHECK_CONTAINS(CHECK_THROWS_CODE(device->upload(different, {}), "ERR_INVALID_PARAMETER"),
                 "4 and 5 columns");
  WeightView odd[] = {q.view()};
  odd[0].cols = 31;
  CHECK_THROWS_CODE(device->upload(odd, {}), "ERR_INVALID_PARAMETER");
  WeightView narrow[] = {a.view()};
  narrow[0].row_bytes = 15;
  CHECK_THROWS_CODE(device->upload(narrow, {}), "ERR_INVALID_PARAMETER");
  CHECK_THROWS_CODE(device->upload({}, {}), "ERR_INVALID_PARAMETER");
  const WeightView whole[] = {a.view()};
  const Quantization groups{Quantization::Kind::kInt4, 32};
  CHECK_CONTAINS(CHECK_THROWS_CODE(device->upload(whole, groups), "ERR_INVALID_PARAMETER"), "group of 32");
}
