#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/dtype.hpp"

namespace millrace {

// Rows of a matrix as they lie in a checkpoint: row r is `cols` elements at data + r * row_bytes, not
// aligned to more than a byte. Whoever made the view keeps the memory (ModelFiles, or a copy).
struct WeightView {
  const std::byte* data = nullptr;
  DType dtype = DType::kF32;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::int64_t row_bytes = 0;
};

// What a device makes of a matrix that the checkpoint has in a float type. Matrices in other types stay as
// they are.
struct Quantization {
  enum class Kind : std::uint8_t { kNone, kInt8, kInt4 };
  Kind kind = Kind::kNone;
  int group = 0;  // kInt4: columns that share a scale. kInt8 has one scale for a row.
};

// A weight as a device keeps it. Only its device looks inside.
class Weight {
 public:
  Weight(std::int64_t rows, std::int64_t cols) : rows_(rows), cols_(cols) {}
  virtual ~Weight() = default;
  Weight(const Weight&) = delete;
  Weight& operator=(const Weight&) = delete;
  [[nodiscard]] std::int64_t rows() const { return rows_; }
  [[nodiscard]] std::int64_t cols() const { return cols_; }
  // Bytes of memory that the device took for it, beyond the checkpoint's mapping.
  [[nodiscard]] virtual std::int64_t device_bytes() const = 0;

 private:
  std::int64_t rows_, cols_;
};

}  // namespace millrace
