#include "runtime/host_batch.hpp"

#include <algorithm>

namespace millrace {
namespace {

// Each array begins at a multiple of 64 bytes.
constexpr std::size_t kAlignment = 16;

std::size_t count(int number) {
  return static_cast<std::size_t>(number);
}

constexpr int kLeastBlocks = 8;

}  // namespace

int rounded_rows(int rows) {
  if (rows <= 4) return rows == 3 ? 4 : rows;
  const int step = rows <= 256 ? 8 : 32;
  return (rows + step - 1) / step * step;
}

BatchShape rounded_shape(const BatchShape& used, int most_blocks) {
  int blocks = kLeastBlocks;
  while (blocks < used.max_blocks) blocks *= 2;
  const int rows = rounded_rows(used.num_rows);
  return {rows, rows, std::min(blocks, most_blocks), used.num_samples == 0 ? 0 : rows};
}

HostBatch::Layout HostBatch::layout_of(const BatchShape& shape) {
  const std::size_t rows = count(shape.num_rows), tokens = count(shape.num_tokens);
  Layout layout{
      {}, {tokens, tokens, tokens, rows + 1, rows, rows * count(shape.max_blocks), count(shape.num_samples)}};
  for (std::size_t i = 0; i < kParts; ++i) {
    layout.starts[i + 1] = layout.starts[i] + (layout.sizes[i] + kAlignment - 1) / kAlignment * kAlignment;
  }
  return layout;
}

std::int64_t HostBatch::size_of(const BatchShape& shape) {
  return static_cast<std::int64_t>(layout_of(shape).starts[kParts]);
}

void HostBatch::reset(const BatchShape& used, const BatchShape& shape) {
  const Layout layout = layout_of(shape);
  std::copy_n(layout.starts, kParts, starts_);
  std::copy_n(layout.sizes, kParts, sizes_);
  shape_ = shape;
  numbers_.resize(layout.starts[kParts]);
  std::ranges::fill(block_tables(), -1);
  query_starts()[0] = 0;
  // Rows past the used ones have one token each.
  for (int row = used.num_rows; row < shape.num_rows; ++row) {
    const std::size_t token = count(used.num_tokens + row - used.num_rows);
    token_ids()[token] = positions()[token] = 0;
    token_rows()[token] = row;
    query_starts()[count(row) + 1] = static_cast<std::int32_t>(token) + 1;
    context_lens()[count(row)] = 0;
  }
  std::ranges::fill(sample_tokens().subspan(count(used.num_samples)), 0);
}

Batch HostBatch::on_device(const std::int32_t* numbers, int block_tokens) const {
  return {.num_rows = shape_.num_rows,
          .num_tokens = shape_.num_tokens,
          .max_blocks = shape_.max_blocks,
          .block_tokens = block_tokens,
          .max_query_tokens = max_query_tokens,
          .max_context_tokens = max_context_tokens,
          .token_ids = numbers + starts_[0],
          .positions = numbers + starts_[1],
          .token_rows = numbers + starts_[2],
          .query_starts = numbers + starts_[3],
          .context_lens = numbers + starts_[4],
          .block_tables = numbers + starts_[5]};
}

}  // namespace millrace
