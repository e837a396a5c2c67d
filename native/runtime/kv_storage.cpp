#include "runtime/kv_storage.hpp"

#include <cstddef>

namespace millrace {

KvStorage::KvStorage(const ModelSpec& spec, const ExecutionPlan& plan, DType dtype, int num_blocks,
                     int host_blocks, int block_tokens) {
  for (const Stage& stage : plan.stages) {
    for (const Rank& rank : stage.ranks) {
      RankLayers& held = ranks_.emplace_back();
      held.first_layer = stage.layers.start;
      const std::int64_t block_bytes = storage_bytes(
          dtype, static_cast<std::int64_t>(rank.kv_heads.size()) * block_tokens * spec.head_dim);
      const std::int64_t bytes = num_blocks * block_bytes;
      for (int layer = stage.layers.start; layer < stage.layers.end; ++layer) {
        KvLayer kv{nullptr, nullptr, dtype, num_blocks, rank.kv_heads.size(), block_tokens, spec.head_dim};
        for (void** half : {&kv.keys, &kv.values}) {
          buffers_.push_back(rank.device->allocate(bytes));
          *half = buffers_.back()->data();
          bytes_ += bytes;
        }
        held.layers.push_back(kv);
      }
      if (host_blocks == 0) continue;
      held.layer_host_bytes = 2 * block_bytes;
      held.host = rank.device->allocate_host(host_blocks * held.layer_host_bytes * stage.layers.size());
      host_bytes_ += held.host->bytes();
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

HostLayer KvStorage::host_layer(const Rank& rank, int layer) const {
  const RankLayers& held = ranks_[static_cast<std::size_t>(rank.index)];
  auto* blocks = static_cast<std::byte*>(held.host->data());
  return {blocks + (layer - held.first_layer) * held.layer_host_bytes,
          static_cast<std::int64_t>(held.layers.size()) * held.layer_host_bytes};
}

}  // namespace millrace
