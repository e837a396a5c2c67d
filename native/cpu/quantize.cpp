#include "cpu/quantize.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/convert.hpp"
#include "cpu/kernels.hpp"
#include "cpu/panel_codes.hpp"
#include "cpu/quantize_kernels.hpp"

namespace millrace {
namespace {

const QuantizeKernels& quantize_kernels_for(Isa isa) {
  const QuantizeKernels* vector = isa >= Isa::kAvx2 ? avx2_quantize_kernels() : nullptr;
  return vector != nullptr ? *vector : scalar_quantize_kernels();
}

// 0 for scales whose inverse is not finite.
float inverse_of(float scale) {
  return std::fabs(scale) < std::numeric_limits<float>::min() ? 0 : 1 / scale;
}

// One row of a panel, its values padded with zeros to the layout's k.
struct Row {
  const QuantizeKernels& kernels;
  const PanelLayout& layout;
  const float* values;
  std::byte* panel;
  int row;
};

void put_int8(const Row& row) {
  float scale = row.kernels.largest_magnitude(row.values, row.layout.k) / 127;
  // A row that is not finite stays so: the logits must show it.
  const bool finite = std::isfinite(scale);
  if (!finite) scale = std::numeric_limits<float>::quiet_NaN();
  std::memcpy(row.panel + row.layout.scales + row.row * 4, &scale, 4);
  const Rounding rounding = {inverse_of(scale), -127, 127};
  for (std::int64_t k = 0; finite && k < row.layout.k; k += 32) {
    std::uint8_t codes[32];
    row.kernels.codes(row.values + k, 32, rounding, 128, codes);
    put_codes(row.layout, row.panel, row.row, k, codes);
  }
}

// The group's largest magnitude goes to minus these, before rounding and clipping to -8: clipping it buys
// finer steps for the rest. The last one fills the table.
constexpr float kExtremes[kCandidates] = {8, 7, 7.5F, 8.5F, 9, 9.5F, 10, 10};

GroupFit fit_group(const QuantizeKernels& kernels, const float* values, std::int64_t count) {
  const float largest = kernels.largest_magnitude(values, count);
  if (!std::isfinite(largest)) return {.scale = std::numeric_limits<float>::quiet_NaN()};
  const float extreme = std::find(values, values + count, largest) != values + count ? largest : -largest;
  float steps[kCandidates];
  for (int c = 0; c < kCandidates; ++c) steps[c] = -extreme / kExtremes[c];
  return kernels.fit(values, count, steps);
}

void put_int4(const Row& row) {
  const std::int64_t group = row.layout.group;
  for (std::int64_t k = 0; k < row.layout.k; k += group) {
    const GroupFit fit = fit_group(row.kernels, row.values + k, group);
    put_f16(row.panel + row.layout.scales, k / group, row.row, float_to_f16(fit.scale));
    if (std::isnan(fit.scale)) continue;
    for (std::int64_t i = k; i < k + group; i += 32) {
      std::uint8_t codes[32];
      row.kernels.codes(row.values + i, 32, fit.rounding, 8, codes);
      put_codes(row.layout, row.panel, row.row, i, codes);
    }
  }
}

}  // namespace

void quantize_panel(Isa isa, const WeightView& view, std::int64_t row, const PanelLayout& layout,
                    std::byte* panel) {
  const auto widen = kernels_for(isa).widen[static_cast<int>(view.dtype)];
  std::vector<float> values(static_cast<std::size_t>(layout.k));  // zeros past the last column
  const auto rows = static_cast<int>(std::min<std::int64_t>(kPanelRows, view.rows - row));
  for (int r = 0; r < rows; ++r) {
    widen(view.data + (row + r) * view.row_bytes, values.data(), view.cols);
    const Row to = {quantize_kernels_for(isa), layout, values.data(), panel, r};
    if (layout.format == PanelFormat::kInt8Channel) {
      put_int8(to);
    } else {
      put_int4(to);
    }
  }
}

}  // namespace millrace
