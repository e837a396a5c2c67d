// Ragged batches over a paged KV cache on the emulated card.
#pragma once
#include "../../native/cpu/ragged_batch.hpp"
#include "kernel_fixture.hpp"

namespace millrace::test {

// A batch in memory of the card. Rows of `shapes` without past and tokens are empty; those that
// make_padding() names are as a graph of a larger batch has them: a token each, context_lens 0, no blocks.
class CardBatch {
 public:
  explicit CardBatch(const RaggedBatch& batch)
      : shape_(batch.batch()),
        max_context_tokens_(*std::max_element(batch.context_lens.begin(), batch.context_lens.end())),
        token_ids_(span(batch.token_ids)),
        positions_(span(batch.positions)),
        token_rows_(span(batch.token_rows)),
        query_starts_(span(batch.query_starts)),
        context_lens_(span(batch.context_lens)),
        tables_(span(batch.tables)) {}
  [[nodiscard]] Batch batch() const {
    Batch batch = shape_;
    batch.max_context_tokens = max_context_tokens_;
    batch.token_ids = token_ids_.data();
    batch.positions = positions_.data();
    batch.token_rows = token_rows_.data();
    batch.query_starts = query_starts_.data();
    batch.context_lens = context_lens_.data();
    batch.block_tables = tables_.data();
    return batch;
  }

 private:
  static std::span<const std::int32_t> span(const std::vector<std::int32_t>& values) { return values; }
  Batch shape_;
  int max_context_tokens_;
  CardArray<std::int32_t> token_ids_, positions_, token_rows_, query_starts_, context_lens_, tables_;
};

inline void make_padding(RaggedBatch& batch, int row) {
  batch.context_lens[static_cast<std::size_t>(row)] = 0;
  for (int i = 0; i < batch.max_blocks; ++i)
    batch.tables[static_cast<std::size_t>(row * batch.max_blocks + i)] = -1;
}

// A layer's keys and values on the card; NaN where `from` has it.
class CardKv {
 public:
  explicit CardKv(KvFixture& from)
      : layer_(from.layer()),
        keys_(std::span<const std::byte>(from.keys)),
        values_(std::span<const std::byte>(from.values)) {}
  [[nodiscard]] KvLayer layer() const {
    KvLayer layer = layer_;
    layer.keys = keys_.data();
    layer.values = values_.data();
    return layer;
  }
  [[nodiscard]] std::vector<std::byte> keys() const { return keys_.values(); }
  [[nodiscard]] std::vector<std::byte> values() const { return values_.values(); }

 private:
  KvLayer layer_;
  CardArray<std::byte> keys_, values_;
};

template <typename T>
constexpr DType kDTypeOf = DType::kF32;
template <>
constexpr DType kDTypeOf<gpu::bf16> = DType::kBF16;
template <>
constexpr DType kDTypeOf<gpu::f16> = DType::kF16;

}  // namespace millrace::test
