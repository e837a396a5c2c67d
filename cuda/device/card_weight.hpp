#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "kernels/card_matrix.hpp"
#include "platform/runtime.hpp"
#include "runtime/weight.hpp"

namespace millrace::gpu {

// A weight in the layouts of kernels/card_matrix.hpp. Whole numbers have the codes, scales and minima of the
// CPU's weights, for quantised files and for quantisation at load.
class CardWeight final : public Weight {
 public:
  // Neighbouring views in one format are one segment.
  struct Segment {
    CardMatrix matrix;
    int first_row = 0;  // of the stacked weight
  };

  ~CardWeight() override { release(memory_); }
  [[nodiscard]] std::int64_t device_bytes() const override { return bytes_; }
  // In order of rows, none empty.
  [[nodiscard]] std::span<const Segment> segments() const { return segments_; }
  // (rows * cols,) in F32, on the card, of a weight with one row or one column; else null.
  [[nodiscard]] const float* vector() const { return vector_; }
  // Of a weight with one column, the same in the activations' type where that has 16 bits; else null. The
  // biases that cuBLASLt adds.
  [[nodiscard]] const void* narrow_vector() const { return narrow_vector_; }

 private:
  friend class WeightUploader;
  CardWeight(std::int64_t rows, std::int64_t cols, std::int64_t bytes)
      : Weight(rows, cols), bytes_(bytes), memory_(allocate(bytes)) {}

  const std::int64_t bytes_;
  void* const memory_;
  std::vector<Segment> segments_;
  const float* vector_ = nullptr;
  const void* narrow_vector_ = nullptr;
};

// Makes weights for the card of the calling thread. Rows are converted on the pool's threads into two
// stretches of pinned memory in turn: one is copied while the other is filled. No more of the host's memory
// is used, however large the weight.
class WeightUploader {
 public:
  static constexpr std::int64_t kStageBytes = std::int64_t{16} << 20;

  // `activations`: what products multiply with, kF32, kBF16 or kF16. With 16 bits, floats of other types are
  // rounded to them; with kF32 they stay as they are. `stage_bytes`: of one of the two stretches.
  WeightUploader(CardFormat activations, int threads, std::int64_t stage_bytes = kStageBytes);
  ~WeightUploader();

  // Device::upload; done when it returns. Throws ERR_INVALID_PARAMETER, as the CPU's weights do, for views
  // that do not stack or have no whole groups, and GpuError when the card's memory does not suffice.
  [[nodiscard]] std::unique_ptr<CardWeight> upload(std::span<const WeightView> views,
                                                   Quantization quantization);

 private:
  class Work;
  const std::unique_ptr<Work> work_;
};

}  // namespace millrace::gpu
