// A ragged batch over a paged KV cache, for tests: rows with a past and new tokens, blocks in random places.
#pragma once
#include <algorithm>
#include <limits>
#include <numeric>

#include "device_fixture.hpp"

namespace millrace::test {

struct RowShape {
  int past;    // tokens that are in KV
  int tokens;  // new ones, at positions past, past + 1, ...
};

struct RaggedBatch {
  std::vector<std::int32_t> token_ids, positions, token_rows, query_starts = {0}, context_lens, tables;
  int max_blocks = 0, num_blocks = 0, block_tokens;

  RaggedBatch(const std::vector<RowShape>& rows, int tokens_per_block, std::mt19937_64& rng)
      : block_tokens(tokens_per_block) {
    for (const RowShape& r : rows) {
      max_blocks = std::max(max_blocks, (r.past + r.tokens + block_tokens - 1) / block_tokens);
    }
    num_blocks = max_blocks * static_cast<int>(rows.size()) + 1;
    std::vector<std::int32_t> blocks(static_cast<std::size_t>(num_blocks));
    std::iota(blocks.begin(), blocks.end(), 0);
    std::shuffle(blocks.begin(), blocks.end(), rng);
    for (std::size_t r = 0; r < rows.size(); ++r) {
      for (int i = 0; i < max_blocks; ++i) {
        const bool used = i * block_tokens < rows[r].past + rows[r].tokens;
        tables.push_back(used ? blocks[r * static_cast<std::size_t>(max_blocks) + static_cast<std::size_t>(i)]
                              : -1);
      }
      add_tokens(static_cast<int>(r), rows[r]);
    }
  }

  // The same sequences and tables with other new tokens: row r of the old batch stands in rows[r].
  RaggedBatch with_rows(const std::vector<std::pair<int, RowShape>>& rows) const {
    RaggedBatch other = *this;
    other.token_ids.clear();
    other.positions.clear();
    other.token_rows.clear();
    other.query_starts = {0};
    other.context_lens.clear();
    other.tables.clear();
    for (const auto& [from, shape] : rows) {
      const auto start = tables.begin() + static_cast<std::ptrdiff_t>(from) * max_blocks;
      other.tables.insert(other.tables.end(), start, start + max_blocks);
      other.add_tokens(static_cast<int>(other.context_lens.size()), shape);
    }
    return other;
  }

  [[nodiscard]] int num_tokens() const { return static_cast<int>(positions.size()); }
  [[nodiscard]] Batch batch() const {
    return {.num_rows = static_cast<int>(context_lens.size()),
            .num_tokens = num_tokens(),
            .max_blocks = max_blocks,
            .block_tokens = block_tokens,
            .token_ids = token_ids.data(),
            .positions = positions.data(),
            .token_rows = token_rows.data(),
            .query_starts = query_starts.data(),
            .context_lens = context_lens.data(),
            .block_tables = tables.data()};
  }
  // Block id of a position of a row.
  [[nodiscard]] std::int64_t block_of(int row, int position) const {
    return tables[static_cast<std::size_t>(row * max_blocks + position / block_tokens)];
  }

 private:
  void add_tokens(int row, RowShape shape) {
    for (int i = 0; i < shape.tokens; ++i) {
      token_ids.push_back(i);
      positions.push_back(shape.past + i);
      token_rows.push_back(row);
    }
    query_starts.push_back(num_tokens());
    context_lens.push_back(shape.past + shape.tokens);
  }
};

// Keys and values of one layer; NaN where nothing was stored.
struct KvFixture {
  DType dtype;
  int num_blocks, heads, block_tokens, dim;
  std::vector<std::byte> keys, values;

  KvFixture(DType type, const RaggedBatch& batch, int num_kv_heads, int head_dim)
      : dtype(type),
        num_blocks(batch.num_blocks),
        heads(num_kv_heads),
        block_tokens(batch.block_tokens),
        dim(head_dim) {
    // All bits set is NaN in all three types.
    keys.assign(static_cast<std::size_t>(
                    storage_bytes(type, std::int64_t{1} * num_blocks * heads * block_tokens * dim)),
                std::byte{0xFF});
    values = keys;
  }
  KvLayer layer() { return {keys.data(), values.data(), dtype, num_blocks, heads, block_tokens, dim}; }
  [[nodiscard]] std::size_t offset(std::int64_t block, int head, int position, int d) const {
    return static_cast<std::size_t>(
        storage_bytes(dtype, ((block * heads + head) * block_tokens + position % block_tokens) * dim + d));
  }
  [[nodiscard]] float get(const std::vector<std::byte>& from, std::size_t at) const {
    if (dtype == DType::kF32) return load_unaligned<float>(&from[at]);
    const auto bits = load_unaligned<std::uint16_t>(&from[at]);
    return dtype == DType::kF16 ? f16_to_float(bits) : bf16_to_float(bits);
  }
  void put(std::vector<std::byte>& to, std::size_t at, float value) const {
    if (dtype == DType::kF32) {
      std::memcpy(&to[at], &value, 4);
    } else {
      const std::uint16_t bits = dtype == DType::kF16 ? float_to_f16(value) : float_to_bf16(value);
      std::memcpy(&to[at], &bits, 2);
    }
  }
  // Random keys and values at the positions of every row.
  void fill(const RaggedBatch& batch, std::mt19937_64& rng) {
    std::normal_distribution<float> normal;
    for (std::size_t r = 0; r < batch.context_lens.size(); ++r) {
      for (int p = 0; p < batch.context_lens[r]; ++p) {
        const std::int64_t block = batch.block_of(static_cast<int>(r), p);
        for (int h = 0; h < heads; ++h) {
          for (int d = 0; d < dim; ++d) {
            put(keys, offset(block, h, p, d), normal(rng));
            put(values, offset(block, h, p, d), normal(rng));
          }
        }
      }
    }
  }
};

}  // namespace millrace::test
