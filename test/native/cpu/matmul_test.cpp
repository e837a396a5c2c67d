#include "device_fixture.hpp"

namespace {

using namespace millrace;
using namespace millrace::test;

std::int64_t random_cols(DType dtype, std::mt19937_64& rng) {
  if (dtype == DType::kQ8_0) return 32 * uniform(rng, 1, 12);
  return uniform(rng, 1, 300);
}

// Error of a sum in F32 of n terms, in any order: about n units in the last place of the sum of magnitudes.
// Seen errors are far smaller; a wrong term is far larger.
double tolerance(const Matrix& x, const RandomWeight& w, int i, std::int64_t j) {
  double magnitudes = 0;
  for (std::int64_t k = 0; k < w.cols; ++k) {
    magnitudes += std::abs(x.at(i, static_cast<int>(k)) * w.value(j, k));
  }
  return 1e-6 * magnitudes + 1e-6;
}

double dot(const Matrix& x, const RandomWeight& w, int i, std::int64_t j) {
  double sum = 0;
  for (std::int64_t k = 0; k < w.cols; ++k) sum += x.at(i, static_cast<int>(k)) * w.value(j, k);
  return sum;
}

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
    for (std::int64_t j = 0; j < n; ++j) {
      const double expected = dot(x, w, i, j) + (with_bias ? bias.value(j, 0) : 0);
      right = right && std::abs(y.at(i, static_cast<int>(j)) - expected) <= tolerance(x, w, i, j);
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
    const auto one = make_device(isa, 1), many = make_device(isa, 5);
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
