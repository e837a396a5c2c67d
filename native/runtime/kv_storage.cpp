#include "runtime/kv_storage.hpp"

#include <cstddef>

namespace millrace {

KvStorage::KvStorage(const ModelSpec& spec, const ExecutionPlan& plan, DType dtype, int num_blocks,
                     int block_tokens) {
  for (const Stage& stage : plan.stages) {
    for (const Rank& rank : stage.ranks) {
      RankLayers& held = ranks_.emplace_back();
      held.first_layer = stage.layers.start;
      const std::int64_t elements =
          static_cast<std::int64_t>(num_blocks) * rank.kv_heads.size() * block_tokens * spec.head_dim;
      const std::int64_t bytes = storage_bytes(dtype, elements);
      for (int layer = stage.layers.start; layer < stage.layers.end; ++layer) {
        KvLayer kv{nullptr, nullptr, dtype, num_blocks, rank.kv_heads.size(), block_tokens, spec.head_dim};
        for (void** half : {&kv.keys, &kv.values}) {
          buffers_.push_back(rank.device->allocate(bytes));
          *half = buffers_.back()->data();
          bytes_ += bytes;
        }
        held.layers.push_back(kv);
      }
    }
  }
}

void KvStorage::populate(const ExecutionPlan& plan) {
  std::size_t index = 0;
  for (const Stage& stage : plan.stages) {
    for (const Rank& rank : stage.ranks) {
      for (int half = 0; half < 2 * stage.layers.size(); ++half) {
        Buffer& buffer = *buffers_[index++];
        rank.device->populate(buffer.data(), buffer.bytes());
      }
    }
  }
}

const KvLayer& KvStorage::layer(const Rank& rank, int layer) const {
  const RankLayers& held = ranks_[static_cast<std::size_t>(rank.index)];
  return held.layers[static_cast<std::size_t>(layer - held.first_layer)];
}

}  // namespace millrace
