#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "runtime/execution_plan.hpp"

namespace millrace {

// Keys and values of all blocks: one pair of buffers for each layer of each rank, so that a layer or a
// group of KV heads can move by itself. A block id is valid on every rank.
class KvStorage {
 public:
  // Throws ERR_OUT_OF_MEMORY.
  KvStorage(const ModelSpec& spec, const ExecutionPlan& plan, DType dtype, int num_blocks, int block_tokens);

  // Takes all of it from the system now, so that no step waits for memory that was never used before.
  void populate(const ExecutionPlan& plan);
  // Layer of the model, on the rank that holds some of its KV heads.
  [[nodiscard]] const KvLayer& layer(const Rank& rank, int layer) const;
  [[nodiscard]] std::int64_t bytes() const { return bytes_; }

 private:
  struct RankLayers {
    int first_layer = 0;
    std::vector<KvLayer> layers;
  };
  std::vector<std::unique_ptr<Buffer>> buffers_;
  std::vector<RankLayers> ranks_;  // by rank index
  std::int64_t bytes_ = 0;
};

}  // namespace millrace
