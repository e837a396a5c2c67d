// What a weight becomes on a card: formats, and the bytes of their parts.
#pragma once
#include <cstdint>
#include <string>

#include "core/dtype.hpp"
#include "cpu/packed_weight.hpp"
#include "kernels/card_matrix.hpp"
#include "runtime/weight.hpp"

namespace millrace::gpu {

constexpr std::int64_t kWeightAlignment = 256;

inline std::int64_t rounded_up(std::int64_t value, std::int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

DType dtype_of(CardFormat format);  // of floats
int float_bytes(CardFormat format);

// Throws ERR_INVALID_PARAMETER for a view that is not `cols` whole columns.
void check_view(const WeightView& view, std::int64_t cols);

[[noreturn]] void refuse_views(const std::string& what);

// What the CPU packs or quantises the view to, and the card's format that says the same.
struct WeightKind {
  CardFormat format;
  StoredFormat packed = {PanelFormat::kF32, 0};  // of whole numbers

  [[nodiscard]] bool same_on_card(const WeightKind& other) const {
    return format == other.format && packed.group == other.packed.group;
  }
};

// `activations`: kF32, kF16 or kBF16. Throws ERR_INVALID_PARAMETER for columns without whole groups.
WeightKind kind_of(const WeightView& view, Quantization quantization, CardFormat activations);

// A matrix without its memory, and what its parts take of it.
struct WeightShape {
  CardMatrix matrix;
  std::int64_t elements_bytes, scales_bytes, minima_bytes;
  [[nodiscard]] std::int64_t bytes() const {
    return rounded_up(elements_bytes, kWeightAlignment) + rounded_up(scales_bytes, kWeightAlignment) +
           rounded_up(minima_bytes, kWeightAlignment);
  }
};

// Of rows that begin at a panel's first.
WeightShape shape_of(const WeightKind& kind, std::int64_t rows, std::int64_t cols);

}  // namespace millrace::gpu
