#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "formats/model_files.hpp"
#include "runtime/execution_plan.hpp"
#include "runtime/weight.hpp"

namespace millrace {

// One rank's share of a layer. Vectors (norms, biases) are weights of n rows and one column.
struct LayerWeights {
  std::unique_ptr<Weight> input_norm;      // (hidden,)
  std::unique_ptr<Weight> qkv;             // ((heads + 2 * kv_heads) * head_dim, hidden) of the rank's heads
  std::unique_ptr<Weight> qkv_bias;        // null when the model has none; so are the others below
  std::unique_ptr<Weight> q_norm, k_norm;  // (head_dim,)
  std::unique_ptr<Weight> o;               // (hidden, heads * head_dim)
  std::unique_ptr<Weight> o_bias;          // on a stage's first rank only: it is added once
  std::unique_ptr<Weight> post_norm;       // (hidden,)
  std::unique_ptr<Weight> gate_up;         // (2 * ffn, hidden)
  std::unique_ptr<Weight> down;            // (hidden, ffn)
};

struct RankWeights {
  std::vector<LayerWeights> layers;    // of the rank's stage
  std::unique_ptr<Weight> embedding;   // on the first rank of the first stage
  std::unique_ptr<Weight> final_norm;  // on the first rank of the last stage
  std::unique_ptr<Weight> lm_head;     // likewise
};

// Every rank's weights, in the devices' own memory.
struct ModelWeights {
  std::vector<RankWeights> ranks;  // by rank index
  std::int64_t bytes = 0;          // that the devices took for them
};

// Uploads to the plan's devices what each of them needs. Throws ERR_MODEL_TENSORS when a tensor is
// missing or has another shape than the spec says, ERR_UNSUPPORTED_DTYPE for a type without kernels.
// The files are not needed afterwards. `quantization` is for the matrices of the layers; with kInt4, the
// embedding and the head become kInt8, and so do matrices whose columns are no multiple of the group. Vectors
// stay. `progress` is called with a share from 0 to 1.
ModelWeights load_weights(const ModelFiles& files, const ModelSpec& spec, const ExecutionPlan& plan,
                          Quantization quantization, const std::function<void(double)>& progress);

}  // namespace millrace
