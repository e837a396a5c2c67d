#include "cpu/quantize.hpp"

#include <limits>

#include "cpu/packed_weight.hpp"
#include "device_fixture.hpp"

using namespace millrace;
using namespace millrace::test;

namespace {

struct Quantized {
  PanelLayout layout;
  std::vector<std::byte> bytes;

  Quantized(const WeightView& view, std::int64_t row, PanelFormat format, std::int64_t group = 0,
            Isa isa = Isa::kScalar)
      : layout(panel_layout(format, view.cols, group)), bytes(static_cast<std::size_t>(layout.bytes)) {
    quantize_panel(isa, view, row, layout, bytes.data());
  }
  [[nodiscard]] float scale(int r, std::int64_t k) const { return panel_scale(layout, bytes.data(), r, k); }
  [[nodiscard]] int code(int r, std::int64_t k) const { return panel_quant(layout, bytes.data(), r, k); }
  [[nodiscard]] float value(int r, std::int64_t k) const { return panel_value(layout, bytes.data(), r, k); }
};

WeightView view_of(const std::vector<float>& values, std::int64_t cols) {
  const auto rows = static_cast<std::int64_t>(values.size()) / cols;
  return {reinterpret_cast<const std::byte*>(values.data()), DType::kF32, rows, cols, cols * 4};
}

}  // namespace

TEST("int8 per channel divides a row by its largest magnitude over 127") {
  std::mt19937_64 rng = make_rng();
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
    const RandomWeight weight(dtype, 19, uniform(rng, 1, 300), rng);
    for (const std::int64_t row : {0, 16}) {
      const Quantized panel(weight.view(), row, PanelFormat::kInt8Channel);
      for (int r = 0; r < std::min<std::int64_t>(16, 19 - row); ++r) {
        double largest = 0;
        for (std::int64_t k = 0; k < weight.cols; ++k)
          largest = std::max(largest, std::fabs(weight.value(row + r, k)));
        const double scale = panel.scale(r, 0);
        CHECK(std::fabs(scale - largest / 127) <= largest * 1e-8);
        for (std::int64_t k = 0; k < weight.cols; ++k) {
          const double off = scale * (panel.code(r, k) - 128) - weight.value(row + r, k);
          CHECK(std::fabs(off) <= scale * 0.50001);
        }
        for (std::int64_t k = weight.cols; k < panel.layout.k; ++k) CHECK_EQ(panel.code(r, k), 128);
      }
    }
  }
}

TEST("int4 is never worse than mapping the largest magnitude of each group to -8") {
  std::mt19937_64 rng = make_rng();
  double ours = 0, plain = 0;
  for (const std::int64_t group : {32, 64, 128}) {
    const RandomWeight weight(DType::kF32, 16, 256, rng);
    const Quantized panel(weight.view(), 0, PanelFormat::kInt4, group);
    for (int r = 0; r < 16; ++r) {
      for (std::int64_t start = 0; start < 256; start += group) {
        double extreme = 0, error = 0, plain_error = 0;
        for (std::int64_t k = start; k < start + group; ++k) {
          if (std::fabs(weight.value(r, k)) > std::fabs(extreme)) extreme = weight.value(r, k);
        }
        const double step = extreme / -8;
        for (std::int64_t k = start; k < start + group; ++k) {
          const double value = weight.value(r, k);
          const double q = std::clamp(std::nearbyint(value / step), -8.0, 7.0);
          plain_error += std::pow(value - f16_to_float(float_to_f16(static_cast<float>(step))) * q, 2);
          error += std::pow(value - static_cast<double>(panel.scale(r, k)) * (panel.code(r, k) - 8), 2);
        }
        CHECK(error <= plain_error * 1.00001);
        ours += error;
        plain += plain_error;
      }
    }
  }
  CHECK(ours < 0.92 * plain);
}

TEST("int4 keeps values that are whole multiples of a scale exactly") {
  std::mt19937_64 rng = make_rng();
  std::vector<float> values(32 * 16);
  for (float& value : values) value = 0.25F * static_cast<float>(uniform(rng, -8, 7));
  for (std::size_t r = 0; r < 16; ++r) values[r * 32 + r] = -2;
  const Quantized panel(view_of(values, 32), 0, PanelFormat::kInt4, 32);
  for (int r = 0; r < 16; ++r) {
    for (int k = 0; k < 32; ++k) {
      CHECK_EQ(panel.value(r, k), values[static_cast<std::size_t>(r * 32 + k)]);
    }
  }
}

TEST("rows of zeros, of tiny numbers and past the end of a weight become zeros") {
  std::vector<float> values(32 * 2);
  for (std::size_t k = 32; k < 64; ++k) values[k] = k % 2 == 0 ? 1e-44F : -1e-44F;
  for (const auto& [format, group] :
       {std::pair{PanelFormat::kInt8Channel, 0}, std::pair{PanelFormat::kInt4, 32}}) {
    const Quantized panel(view_of(values, 32), 0, format, group);
    for (int r = 0; r < 16; ++r) {
      for (int k = 0; k < 32; ++k) {
        CHECK(std::fabs(panel.value(r, k)) < 1e-40F);
      }
    }
  }
}

TEST("a weight that is not finite is not finite after quantisation either") {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                          -std::numeric_limits<float>::infinity()}) {
    std::vector<float> values(64, 1);
    values[40] = bad;
    CHECK(!std::isfinite(Quantized(view_of(values, 64), 0, PanelFormat::kInt8Channel).scale(0, 0)));
    const Quantized groups(view_of(values, 64), 0, PanelFormat::kInt4, 32);
    CHECK(std::isfinite(groups.scale(0, 0)));
    CHECK(!std::isfinite(groups.scale(0, 40)));
  }
}

TEST("quantisation gives the same bytes with every instruction set and wherever a row stands") {
  std::mt19937_64 rng = make_rng();
  for (const auto& [format, group] :
       {std::pair{PanelFormat::kInt8Channel, 0}, std::pair{PanelFormat::kInt4, 64}}) {
    const RandomWeight weight(DType::kBF16, 20, 192, rng);
    const Quantized scalar(weight.view(), 3, format, group);
    for (const Isa isa : tested_isas())
      CHECK(Quantized(weight.view(), 3, format, group, isa).bytes == scalar.bytes);
    const Quantized first(weight.view(), 0, format, group);
    for (int r = 3; r < 16; ++r) {
      CHECK_EQ(first.scale(r, 0), scalar.scale(r - 3, 0));
      for (std::int64_t k = 0; k < 192; ++k) CHECK_EQ(first.code(r, k), scalar.code(r - 3, k));
    }
  }
}
