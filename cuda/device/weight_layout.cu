#include "device/weight_layout.hpp"

#include <string>

#include "core/error.hpp"
#include "cpu/block_formats.hpp"

namespace millrace::gpu {

DType dtype_of(CardFormat format) {
  if (format == CardFormat::kF32) return DType::kF32;
  return format == CardFormat::kF16 ? DType::kF16 : DType::kBF16;
}

int float_bytes(CardFormat format) {
  return format == CardFormat::kF32 ? 4 : 2;
}

void refuse_views(const std::string& what) {
  throw Error("ERR_INVALID_PARAMETER", "a weight cannot be made of these views: " + what);
}

void check_view(const WeightView& view, std::int64_t cols) {
  if (view.data == nullptr || view.rows < 1 || view.cols < 1) refuse_views("one of them is empty");
  if (view.cols != cols)
    refuse_views("they have " + std::to_string(cols) + " and " + std::to_string(view.cols) + " columns");
  if (view.cols % block_elements(view.dtype) != 0) {
    refuse_views(std::to_string(view.cols) + " columns are not a multiple of the " +
                 std::to_string(block_elements(view.dtype)) + " elements in a block of " +
                 std::string(dtype_name(view.dtype)));
  }
  if (view.row_bytes < storage_bytes(view.dtype, view.cols)) {
    refuse_views("row_bytes is " + std::to_string(view.row_bytes) + ", a row takes " +
                 std::to_string(storage_bytes(view.dtype, view.cols)));
  }
}

WeightKind kind_of(const WeightView& view, Quantization quantization, CardFormat activations) {
  if (is_quantized(view.dtype)) {
    const StoredFormat packed = stored_format(view.dtype);
    const CardFormat format = packed.format == PanelFormat::kInt4      ? CardFormat::kInt4
                              : packed.format == PanelFormat::kInt4Min ? CardFormat::kInt4Min
                                                                       : CardFormat::kInt8;
    return {format, packed};
  }
  switch (quantization.kind) {
    case Quantization::Kind::kInt8:
      return {CardFormat::kInt8, {PanelFormat::kInt8Channel, 0}};
    case Quantization::Kind::kInt4: {
      const int group = quantization.group;
      if (group < 1 || view.cols % group != 0) {
        refuse_views(std::to_string(view.cols) + " columns are not a multiple of the group of " +
                     std::to_string(group));
      }
      if (group != 32 && group != 64 && group != 128)
        refuse_views("a group of " + std::to_string(group) + "; there are groups of 32, 64 and 128");
      return {CardFormat::kInt4, {PanelFormat::kInt4, group}};
    }
    case Quantization::Kind::kNone:
      break;
  }
  if (activations != CardFormat::kF32) return {activations};
  return {view.dtype == DType::kF32   ? CardFormat::kF32
          : view.dtype == DType::kF16 ? CardFormat::kF16
                                      : CardFormat::kBF16};
}

WeightShape shape_of(const WeightKind& kind, std::int64_t rows, std::int64_t cols) {
  WeightShape shape = {};
  CardMatrix& matrix = shape.matrix;
  matrix.format = kind.format;
  matrix.group = static_cast<int>(kind.packed.group);
  matrix.scales_of_block = matrix.group == 0 ? 0 : block_k(kind.format) / matrix.group;
  matrix.rows = static_cast<int>(rows);
  matrix.cols = static_cast<int>(cols);
  if (!has_codes(kind.format)) {
    matrix.row_elements = kind.format == CardFormat::kF32 ? rounded_up(cols, 8) : rounded_up(cols, 32);
    shape.elements_bytes = rows * matrix.row_elements * float_bytes(kind.format);
    return shape;
  }
  const std::int64_t padded_rows = rounded_up(rows, kPanelRowsOfCard);
  matrix.blocks = static_cast<int>((cols + block_k(kind.format) - 1) / block_k(kind.format));
  shape.elements_bytes = padded_rows * matrix.blocks * kBlockBytesOfRow;
  shape.scales_bytes =
      matrix.group == 0 ? padded_rows * 4 : padded_rows * matrix.blocks * matrix.scales_of_block * 2;
  if (kind.format == CardFormat::kInt4Min) shape.minima_bytes = shape.scales_bytes;
  return shape;
}

}  // namespace millrace::gpu
