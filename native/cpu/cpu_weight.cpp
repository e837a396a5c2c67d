#include "cpu/cpu_weight.hpp"

#include <string>

#include "core/error.hpp"
#include "cpu/kernels.hpp"

namespace millrace {
namespace {

std::int64_t total_rows(std::span<const WeightView> views) {
  std::int64_t rows = 0;
  for (const WeightView& view : views) rows += view.rows;
  return rows;
}

void check(const WeightView& view, std::int64_t cols) {
  const auto refuse = [](const std::string& what) {
    throw Error("ERR_INVALID_PARAMETER", "a weight cannot be made of these views: " + what);
  };
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

}  // namespace

CpuWeight::CpuWeight(std::span<const WeightView> views)
    : Weight(total_rows(views), views.empty() ? 0 : views[0].cols) {
  if (views.empty()) throw Error("ERR_INVALID_PARAMETER", "a weight needs at least one view");
  std::int64_t row = 0;
  for (const WeightView& view : views) {
    check(view, cols());
    segments_.push_back({view, row});
    row += view.rows;
  }
  if (rows() != 1 && cols() != 1) return;
  vector_.resize(static_cast<std::size_t>(rows() * cols()));
  for (const Segment& segment : segments_) {
    const auto widen = scalar_kernels().widen[static_cast<int>(segment.view.dtype)];
    for (std::int64_t r = 0; r < segment.view.rows; ++r) {
      widen(segment.view.data + r * segment.view.row_bytes, vector_.data() + (segment.first_row + r) * cols(),
            cols());
    }
  }
}

const CpuWeight::Segment& CpuWeight::segment_of(std::int64_t row) const {
  std::size_t i = 0;
  while (row >= segments_[i].first_row + segments_[i].view.rows) ++i;
  return segments_[i];
}

}  // namespace millrace
