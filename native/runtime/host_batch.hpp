#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/device.hpp"

namespace millrace {

struct BatchShape {
  int num_rows = 0;
  int num_tokens = 0;
  int max_blocks = 0;   // width of block_tables
  int num_samples = 0;  // tokens whose logits are wanted for sampling
};

// That many rows, filled up: 1, 2, 4, 8, 16, 24, ... and above 256 multiples of 32.
int rounded_rows(int rows);
// The shape to which batches of one token a row are filled up, so that few shapes come, and often. Block
// tables get a power of two, at most `most_blocks`.
BatchShape rounded_shape(const BatchShape& used, int most_blocks);

// A ragged batch in host memory: the arrays of Batch (runtime/device.hpp) in one piece, so that one copy
// brings them to a device. It may be filled up with padding, for devices that want batches to be alike.
class HostBatch {
 public:
  // Whole numbers that a batch of that shape takes.
  [[nodiscard]] static std::int64_t size_of(const BatchShape& shape);
  // Room for that shape.
  void reserve(const BatchShape& shape) { numbers_.reserve(static_cast<std::size_t>(size_of(shape))); }

  // Begins a batch. What is past `used` in a larger `shape` is padding, and complete; the caller fills in the
  // rest, but for block_tables, which is -1 everywhere.
  void reset(const BatchShape& used, const BatchShape& shape);

  [[nodiscard]] const BatchShape& shape() const { return shape_; }
  [[nodiscard]] std::span<std::int32_t> token_ids() { return part(0); }
  [[nodiscard]] std::span<std::int32_t> positions() { return part(1); }
  [[nodiscard]] std::span<std::int32_t> token_rows() { return part(2); }
  [[nodiscard]] std::span<std::int32_t> query_starts() { return part(3); }
  [[nodiscard]] std::span<std::int32_t> context_lens() { return part(4); }
  [[nodiscard]] std::span<std::int32_t> block_tables() { return part(5); }
  // (num_samples,) places in the batch.
  [[nodiscard]] std::span<std::int32_t> sample_tokens() { return part(6); }
  [[nodiscard]] std::span<const std::int32_t> sample_tokens() const {
    return const_cast<HostBatch*>(this)->part(6);
  }
  int max_query_tokens = 0;
  int max_context_tokens = 0;

  [[nodiscard]] std::span<const std::int32_t> numbers() const { return numbers_; }
  // The batch in a device's copy of numbers().
  [[nodiscard]] Batch on_device(const std::int32_t* numbers, int block_tokens) const;
  [[nodiscard]] const std::int32_t* sample_tokens_on_device(const std::int32_t* numbers) const {
    return numbers + starts_[6];
  }

 private:
  static constexpr std::size_t kParts = 7;
  struct Layout {
    std::size_t starts[kParts + 1];
    std::size_t sizes[kParts];
  };
  static Layout layout_of(const BatchShape& shape);
  std::span<std::int32_t> part(std::size_t i) { return {numbers_.data() + starts_[i], sizes_[i]}; }

  BatchShape shape_;
  std::size_t starts_[kParts] = {}, sizes_[kParts] = {};
  std::vector<std::int32_t> numbers_;
};

}  // namespace millrace
