#include "cpu/cpu_weight.hpp"

#include <string>
#include <utility>

#include "core/error.hpp"
#include "cpu/block_formats.hpp"
#include "cpu/packed_weight.hpp"
#include "cpu/quantize.hpp"

namespace millrace {
namespace {

std::int64_t total_rows(std::span<const WeightView> views) {
  std::int64_t rows = 0;
  for (const WeightView& view : views) rows += view.rows;
  return rows;
}

[[noreturn]] void refuse(const std::string& what) {
  throw Error("ERR_INVALID_PARAMETER", "a weight cannot be made of these views: " + what);
}

void check(const WeightView& view, std::int64_t cols) {
  if (view.data == nullptr || view.rows < 1 || view.cols < 1) refuse("one of them is empty");
  if (view.cols != cols) {
    refuse("they have " + std::to_string(cols) + " and " + std::to_string(view.cols) + " columns");
  }
  if (view.cols % block_elements(view.dtype) != 0) {
    refuse(std::to_string(view.cols) + " columns are not a multiple of the " +
           std::to_string(block_elements(view.dtype)) + " elements in a block of " +
           std::string(dtype_name(view.dtype)));
  }
  if (view.row_bytes < storage_bytes(view.dtype, view.cols)) {
    refuse("row_bytes is " + std::to_string(view.row_bytes) + ", a row takes " +
           std::to_string(storage_bytes(view.dtype, view.cols)));
  }
}

StoredFormat quantized_format(Quantization quantization, std::int64_t cols) {
  if (quantization.kind == Quantization::Kind::kInt8) return {PanelFormat::kInt8Channel, 0};
  if (quantization.group < 1 || cols % quantization.group != 0) {
    refuse(std::to_string(cols) + " columns are not a multiple of the group of " +
           std::to_string(quantization.group));
  }
  return {PanelFormat::kInt4, quantization.group};
}

}  // namespace

CpuWeight::CpuWeight(std::span<const WeightView> views, Quantization quantization, Isa isa,
                     WeightMemory& memory, ThreadPool& pool)
    : Weight(total_rows(views), views.empty() ? 0 : views[0].cols) {
  if (views.empty()) throw Error("ERR_INVALID_PARAMETER", "a weight needs at least one view");
  for (const WeightView& view : views) check(view, cols());
  if (rows() == 1 || cols() == 1) {
    vector_.resize(static_cast<std::size_t>(rows() * cols()));
    float* to = vector_.data();
    for (const WeightView& view : views) {
      for (std::int64_t r = 0; r < view.rows; ++r, to += cols()) {
        widen_row(view.dtype, view.data + r * view.row_bytes, to, cols());
      }
    }
  }
  // A vector is also a matrix, of one row or one column, where it is multiplied with.
  std::int64_t row = 0;
  for (const WeightView& view : views) {
    const bool stays = quantization.kind == Quantization::Kind::kNone || is_quantized(view.dtype);
    const StoredFormat format = stays ? stored_format(view.dtype) : quantized_format(quantization, cols());
    Segment segment = {panel_layout(format.format, cols(), format.group), nullptr, row, view.rows};
    const std::int64_t panels = segment.num_panels();
    segment.panels = memory.take(panels * segment.layout.bytes);
    pool.run(panels, [&](std::int64_t panel, int) {
      std::byte* to = segment.panels.get() + panel * segment.layout.bytes;
      if (stays) {
        pack_panel(view, panel * kPanelRows, segment.layout, to);
      } else {
        quantize_panel(isa, view, panel * kPanelRows, segment.layout, to);
      }
    });
    segments_.push_back(std::move(segment));
    row += view.rows;
  }
}

std::int64_t CpuWeight::device_bytes() const {
  auto bytes = static_cast<std::int64_t>(vector_.size()) * 4;
  for (const Segment& segment : segments_) bytes += segment.num_panels() * segment.layout.bytes;
  return bytes;
}

void CpuWeight::read_row(std::int64_t row, float* out) const {
  std::size_t i = 0;
  while (row >= segments_[i].first_row + segments_[i].rows) ++i;
  const std::int64_t in_segment = row - segments_[i].first_row;
  unpack_row(segments_[i].layout, segments_[i].panel(in_segment / kPanelRows),
             static_cast<int>(in_segment % kPanelRows), cols(), out);
}

}  // namespace millrace
