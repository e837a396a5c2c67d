#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "runtime/execution_plan.hpp"

namespace millrace {

// Keys and values of all blocks: one pair of buffers for each layer of each rank, so that a layer or a
// group of KV heads can move by itself. A block id is valid on every rank.
//
// Host blocks hold those of sequences that are swapped out: for each rank one buffer, in which all layers of
// a block lie together. The lowest ids are used first, so memory that was never needed was never touched.
class KvStorage {
 public:
  // Throws ERR_OUT_OF_MEMORY.
  KvStorage(const ModelSpec& spec, const ExecutionPlan& plan, DType dtype, int num_blocks, int host_blocks,
            int block_tokens);

  // Takes all of it but the host blocks from the system now, so that no step waits for memory that was never
  // used before.
  void populate(const ExecutionPlan& plan);
  // Layer of the model, on the rank that holds some of its KV heads.
  [[nodiscard]] const KvLayer& layer(const Rank& rank, int layer) const;
  [[nodiscard]] HostLayer host_layer(const Rank& rank, int layer) const;
  [[nodiscard]] std::int64_t bytes() const { return bytes_; }
  [[nodiscard]] std::int64_t host_bytes() const { return host_bytes_; }

 private:
  struct RankLayers {
    int first_layer = 0;
    std::vector<KvLayer> layers;
    std::unique_ptr<Buffer> host;       // null when there are no host blocks
    std::int64_t layer_host_bytes = 0;  // of one block
  };
  std::vector<std::unique_ptr<Buffer>> buffers_;
  std::vector<RankLayers> ranks_;  // by rank index
  std::int64_t bytes_ = 0;
  std::int64_t host_bytes_ = 0;
};

}  // namespace millrace
