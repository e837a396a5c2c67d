#include "cpu/activations.hpp"
#include "cpu/packed_weight.hpp"
#include "device_fixture.hpp"
#include "imitated_tiles.hpp"

namespace {

using namespace millrace;
using namespace millrace::test;

// Random bytes in every format: whole numbers of any value, scales and floats of a sane size.
std::vector<std::byte> random_panels(const PanelLayout& layout, int panels, std::mt19937_64& rng) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(layout.bytes * panels));
  const auto put = [&](std::int64_t at, const auto& value) {
    std::memcpy(bytes.data() + at, &value, sizeof value);
  };
  std::normal_distribution<float> normal;
  for (int panel = 0; panel < panels; ++panel) {
    const std::int64_t start = panel * layout.bytes;
    if (!is_whole_number(layout.format)) {
      for (std::int64_t i = layout.elements; i < layout.bytes; i += 2)
        put(start + i, float_to_bf16(normal(rng)));
      continue;
    }
    for (std::int64_t i = 0; i < layout.bytes; ++i) put(start + i, static_cast<std::uint8_t>(rng()));
    const std::int64_t end = layout.minima > 0 ? layout.minima : layout.elements;
    for (std::int64_t i = 0; i < layout.elements; i += layout.format == PanelFormat::kInt8Channel ? 4 : 2) {
      const float scale = normal(rng) / (i < end ? 64 : 8);
      layout.format == PanelFormat::kInt8Channel ? put(start + i, scale)
                                                 : put(start + i, float_to_f16(scale));
    }
  }
  return bytes;
}

// Products by tiles of every format and number of rows, against the plain kernels on the same weights.
void check_tiles(const PanelKernels& kernels, PanelFormat format, int m, int panels, std::int64_t k,
                 std::mt19937_64& rng) {
  const std::int64_t group = format == PanelFormat::kInt6 ? 16 : 32;
  const PanelLayout layout = panel_layout(format, k, group);
  const std::vector<std::byte> weight = random_panels(layout, panels, rng);
  ThreadPool pool(1);
  PreparedActivations prepared(scalar_kernels(), pool);
  Matrix x(m, static_cast<int>(k), rng);
  const int width = panels * kPanelRows;
  std::vector<float> y(static_cast<std::size_t>(m * (width + 1)), -7.0F);
  const PanelMethod& method = kernels.many[static_cast<int>(format)];
  std::vector<std::byte> scratch(static_cast<std::size_t>(panels * scratch_bytes(method, layout) + 64));
  auto* aligned = scratch.data() + (64 - reinterpret_cast<std::uintptr_t>(scratch.data()) % 64) % 64;
  method.multiply({.x = prepared.prepare(x.tensor(), method.form, kernels),
                   .m = m,
                   .panel = weight.data(),
                   .panels = panels,
                   .layout = layout,
                   .y = y.data(),
                   .y_stride = width + 1,
                   .k = k,
                   .scratch = aligned});
  bool right = true;
  for (int i = 0; i < m; ++i) {
    for (int column = 0; column < width; ++column) {
      double expected = 0, magnitudes = 0;
      for (int j = 0; j < k; ++j) {
        // Unpacked weights are rounded to BF16 as well: half a unit of eight bits.
        const double term =
            static_cast<double>(bf16_to_float(float_to_bf16(x.at(i, j)))) *
            panel_value(layout, weight.data() + column / kPanelRows * layout.bytes, column % kPanelRows, j);
        expected += term;
        magnitudes += std::abs(term);
      }
      const double tolerance = (method.unpacks ? 1.0 / 256 : 1e-6) * magnitudes + 1e-6;
      right =
          right && std::abs(y[static_cast<std::size_t>(i * (width + 1) + column)] - expected) <= tolerance;
    }
    right = right && y[static_cast<std::size_t>(i * (width + 1) + width)] == -7.0F;
  }
  if (!right) {
    fail(__FILE__, __LINE__,
         "format " + std::to_string(static_cast<int>(format)) + " m=" + std::to_string(m) +
             " panels=" + std::to_string(panels) + " k=" + std::to_string(k));
  }
  count_check();
}

constexpr PanelFormat kTileFormats[] = {PanelFormat::kBF16, PanelFormat::kInt8Channel, PanelFormat::kInt8,
                                        PanelFormat::kInt4, PanelFormat::kInt4Min,     PanelFormat::kInt6};

}  // namespace

TEST("products by imitated tiles equal a plain loop, for every format and awkward numbers of rows") {
  if (!has_isa(Isa::kAvx512Bf16)) SKIP("this processor or build has no AVX-512 with VNNI and BF16");
  auto rng = make_rng(60);
  const PanelKernels& kernels = *imitated_tile_panels(false);
  for (const PanelFormat format : kTileFormats) {
    for (const int m : {1, 2, 15, 16, 17, 31, 32, 33, 48, 65}) {
      check_tiles(kernels, format, m, uniform(rng, 1, 5), 32 * uniform(rng, 1, 8), rng);
    }
    check_tiles(kernels, format, 7, 2, 72, rng);
  }
}

TEST("products by the processor's tiles equal a plain loop") {
  if (!has_isa(Isa::kAmx)) SKIP("this processor, its operating system or this build has no AMX");
  auto rng = make_rng(61);
  const PanelKernels& kernels = panels_for(Isa::kAmx, false);
  for (const PanelFormat format : kTileFormats) {
    for (const int m : {1, 2, 15, 16, 17, 31, 32, 33, 48, 65}) {
      check_tiles(kernels, format, m, uniform(rng, 1, 5), 32 * uniform(rng, 1, 8), rng);
    }
  }
}

TEST("one method serves every number of rows when kernels are to be deterministic, several otherwise") {
  if (!has_isa(Isa::kAvx512Bf16)) SKIP("this processor or build has no AVX-512 with VNNI and BF16");
  for (const PanelFormat format : kTileFormats) {
    const auto methods = [&](bool one_method) {
      const PanelKernels& kernels = *imitated_tile_panels(one_method);
      auto* const first = panel_method(kernels, format, 1).multiply;
      for (const int m : {2, 12, 500}) {
        if (panel_method(kernels, format, m).multiply != first) return 2;
      }
      return 1;
    };
    CHECK_EQ(methods(true), 1);
    CHECK_EQ(methods(false), 2);
  }
}
