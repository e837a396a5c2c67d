#include "cpu/activations.hpp"

#include <algorithm>

#include "cpu/cpu_ops.hpp"

namespace millrace {
namespace {

constexpr std::int64_t kPadding = 32;
// Tiles read whole sixteens of rows, from any row on; what lies past the last is multiplied and dropped.
constexpr std::int64_t kRowPadding = 16;

std::int64_t rounded_up(std::int64_t value, std::int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

}  // namespace

const Activations& PreparedActivations::prepare(const Tensor& x, ActivationForm form,
                                                const PanelKernels& panels) {
  const auto at = static_cast<std::size_t>(form);
  Activations& made = forms_[at];
  if (ready_[at]) return made;
  ready_[at] = true;
  if (form == ActivationForm::kF32) {
    made = {static_cast<const std::byte*>(x.data), x.stride * 4, nullptr, nullptr, 0};
    return made;
  }
  const std::int64_t k = rounded_up(x.cols, kPadding), rows = rounded_up(x.rows, kRowPadding) + kRowPadding;
  const bool small = static_cast<std::int64_t>(x.rows) * x.cols < kInlineElements;
  if (form == ActivationForm::kBF16) {
    auto* data = reinterpret_cast<std::byte*>(memory_.floats(0, rows * k / 2));
    const auto narrow = kernels_.narrow[static_cast<int>(DType::kBF16)];
    run_tasks(pool_, small, x.rows, [&](std::int64_t i, int) {
      narrow(row(x, i), data + i * k * 2, x.cols);
      std::fill_n(data + i * k * 2 + x.cols * 2, (k - x.cols) * 2, std::byte{0});
    });
    made = {data, k * 2, nullptr, nullptr, 0};
    return made;
  }
  const std::int64_t bytes = form == ActivationForm::kInt8 ? 1 : 2, groups = k / kActivationGroup;
  auto* data = reinterpret_cast<std::byte*>(memory_.floats(1, rows * k * bytes / 4));
  float* scales = memory_.floats(2, x.rows * groups * 3);
  auto* sums = reinterpret_cast<std::int32_t*>(scales + x.rows * groups);
  run_tasks(pool_, small, x.rows, [&](std::int64_t i, int) {
    panels.quantize(row(x, i), x.cols, data + i * k * bytes, scales + i * groups, sums + 2 * i * groups);
  });
  made = {data, k * bytes, scales, sums, groups};
  return made;
}

}  // namespace millrace
