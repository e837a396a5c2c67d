#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/weight.hpp"

namespace millrace {

// A weight that the CPU reads where the checkpoint lies in memory. Vectors (norms, biases) are also kept in
// F32, which is exact.
class CpuWeight final : public Weight {
 public:
  struct Segment {
    WeightView view;
    std::int64_t first_row;  // of the stacked weight
  };

  // Throws ERR_INVALID_PARAMETER when the views do not stack.
  explicit CpuWeight(std::span<const WeightView> views);

  [[nodiscard]] std::int64_t device_bytes() const override {
    return static_cast<std::int64_t>(vector_.size()) * 4;
  }
  // In order of rows, none empty.
  [[nodiscard]] std::span<const Segment> segments() const { return segments_; }
  // The segment that has this row.
  [[nodiscard]] const Segment& segment_of(std::int64_t row) const;
  // (rows * cols,) of a weight with one row or one column, else null.
  [[nodiscard]] const float* vector() const { return vector_.empty() ? nullptr : vector_.data(); }

 private:
  std::vector<Segment> segments_;
  std::vector<float> vector_;
};

}  // namespace millrace
