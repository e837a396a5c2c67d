#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "cpu/cpu_memory.hpp"
#include "cpu/isa.hpp"
#include "cpu/panels.hpp"
#include "cpu/thread_pool.hpp"
#include "runtime/weight.hpp"

namespace millrace {

// A weight in the layout of the kernels that will read it: a copy in panels (panels.hpp). Vectors (norms,
// biases) are kept in F32, which is exact.
class CpuWeight final : public Weight {
 public:
  // The rows of one view.
  struct Segment {
    PanelLayout layout;
    std::shared_ptr<std::byte> panels;
    std::int64_t first_row;  // of the stacked weight
    std::int64_t rows;

    [[nodiscard]] std::int64_t num_panels() const { return (rows + kPanelRows - 1) / kPanelRows; }
    [[nodiscard]] const std::byte* panel(std::int64_t index) const {
      return panels.get() + index * layout.bytes;
    }
  };

  // Packs, or quantises, on the threads of the pool; the views' memory is not needed afterwards.
  // Throws ERR_INVALID_PARAMETER when the views do not stack or have no whole groups, ERR_OUT_OF_MEMORY.
  CpuWeight(std::span<const WeightView> views, Quantization quantization, Isa isa, WeightMemory& memory,
            ThreadPool& pool);

  [[nodiscard]] std::int64_t device_bytes() const override;
  // In order of rows, none empty; none for a vector.
  [[nodiscard]] std::span<const Segment> segments() const { return segments_; }
  // Row `row`, widened to F32: out (cols,).
  void read_row(std::int64_t row, float* out) const;
  // (rows * cols,) of a weight with one row or one column, else null.
  [[nodiscard]] const float* vector() const { return vector_.empty() ? nullptr : vector_.data(); }

 private:
  std::vector<Segment> segments_;
  std::vector<float> vector_;
};

}  // namespace millrace
