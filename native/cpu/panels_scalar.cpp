// The plain form of the product kernels: what the others are tested against, and what runs where there is no
// other.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "cpu/packed_weight.hpp"
#include "cpu/panel_tables.hpp"

namespace millrace {
namespace {

// Sums in order of k, in F32.
void multiply_floats(const PanelProduct& p) {
  for (int panel = 0; panel < p.panels; ++panel) {
    const std::byte* from = p.panel + panel * p.layout.bytes;
    for (int c = 0; c < kPanelRows; ++c) {
      for (int i = 0; i < p.m; ++i) {
        const auto* x = reinterpret_cast<const float*>(p.x.data + i * p.x.row_bytes);
        float sum = 0;
        for (std::int64_t k = 0; k < p.k; ++k) sum += x[k] * panel_value(p.layout, from, c, k);
        p.y[i * p.y_stride + panel * kPanelRows + c] = sum;
      }
    }
  }
}

// Exact sums of the products that share their scales; these scaled and added in F32.
void multiply_whole_numbers(const PanelProduct& p) {
  const bool channel = p.layout.format == PanelFormat::kInt8Channel;
  const std::int64_t run =
      channel ? kActivationGroup : std::min<std::int64_t>(p.layout.group, kActivationGroup);
  for (int panel = 0; panel < p.panels; ++panel) {
    const std::byte* from = p.panel + panel * p.layout.bytes;
    for (int c = 0; c < kPanelRows; ++c) {
      for (int i = 0; i < p.m; ++i) {
        const auto* x = reinterpret_cast<const std::int8_t*>(p.x.data + i * p.x.row_bytes);
        float sum = 0;
        for (std::int64_t k = 0; k < p.layout.k; k += run) {
          std::int32_t products = 0, of_x = 0;
          for (std::int64_t j = k; j < k + run; ++j) {
            products += x[j] * (panel_quant(p.layout, from, c, j) - whole_number_offset(p.layout.format));
            of_x += x[j];
          }
          const float x_scale = p.x.scales[i * p.x.groups + k / kActivationGroup];
          const float scale = channel ? 1 : panel_scale(p.layout, from, c, k);
          sum += static_cast<float>(products) * scale * x_scale;
          if (p.layout.format == PanelFormat::kInt4Min) {
            sum -= panel_minimum(p.layout, from, c, k) * (x_scale * static_cast<float>(of_x));
          }
        }
        if (channel) sum *= panel_scale(p.layout, from, c, 0);
        p.y[i * p.y_stride + panel * kPanelRows + c] = sum;
      }
    }
  }
}

void quantize(const float* x, std::int64_t k, std::byte* to, float* scales, std::int32_t* sums) {
  auto* q = reinterpret_cast<std::int8_t*>(to);
  for (std::int64_t g = 0; g * kActivationGroup < k; ++g) {
    const std::int64_t start = g * kActivationGroup, n = std::min<std::int64_t>(kActivationGroup, k - start);
    float magnitude = 0;
    bool finite = true;
    for (std::int64_t i = 0; i < n; ++i) {
      finite = finite && std::isfinite(x[start + i]);
      magnitude = std::max(magnitude, std::abs(x[start + i]));
    }
    const float inverse = finite && magnitude > 1e-30F ? 127 / magnitude : 0;
    scales[g] = finite ? magnitude / 127 : std::numeric_limits<float>::quiet_NaN();
    sums[2 * g] = sums[2 * g + 1] = 0;
    for (std::int64_t i = 0; i < kActivationGroup; ++i) {
      const float value = i < n && finite ? x[start + i] * inverse : 0;
      q[start + i] = static_cast<std::int8_t>(std::nearbyint(value));
      if (i < 16) sums[2 * g] += q[start + i];
      sums[2 * g + 1] += q[start + i];
    }
  }
}

}  // namespace

const PanelKernels& scalar_panels() {
  static constexpr PanelKernels kKernels = [] {
    PanelKernels kernels = {};
    for (int format = 0; format < kPanelFormats; ++format) {
      const bool whole = is_whole_number(static_cast<PanelFormat>(format));
      kernels.few[format] = kernels.many[format] = {whole ? ActivationForm::kInt8 : ActivationForm::kF32,
                                                    whole ? multiply_whole_numbers : multiply_floats, false};
      kernels.many_from[format] = kNever;
    }
    kernels.quantize = quantize;
    return kernels;
  }();
  return kKernels;
}

}  // namespace millrace
