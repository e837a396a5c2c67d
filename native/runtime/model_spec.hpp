#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

enum class Activation : std::uint8_t { kSilu, kGelu, kGeluTanh };
// kHalves rotates (i, i + d/2); kPairs rotates (2i, 2i + 1).
enum class RopeForm : std::uint8_t { kHalves, kPairs };

// One tensor of the checkpoint, and what must be done to its rows. src/model/model-spec.ts says more.
struct TensorRef {
  std::string name;  // "{layer}" stands for the layer's number
  std::int64_t row_start = 0;
  std::int64_t row_end = -1;  // -1: to the last row
  int unpermute_heads = 0;    // 0: rows are in order
};

// From the roles that the runtime knows to the checkpoint's names.
struct TensorNames {
  TensorRef embedding, final_norm;
  std::optional<TensorRef> lm_head;  // missing: tied to the embedding
  TensorRef input_norm, q, k, v, o, post_norm, gate, up, down;
  std::optional<TensorRef> q_bias, k_bias, v_bias, o_bias, q_norm, k_norm;
};

// A decoder-only transformer as data; the same fields as src/model/model-spec.ts.
struct ModelSpec {
  std::string architecture;
  int vocab_size = 0;
  int hidden_size = 0;
  int num_layers = 0;
  int num_heads = 0;
  int num_kv_heads = 0;
  int head_dim = 0;
  int ffn_size = 0;
  int max_positions = 0;
  float norm_epsilon = 0;
  bool qk_norm = false;
  Activation activation = Activation::kSilu;
  RopeForm rope_form = RopeForm::kHalves;
  std::vector<float> inverse_frequencies;  // (rotary_dim / 2,)
  float rope_magnitude = 1;
  float attention_scale = 0;
  std::vector<int> sliding_windows;  // (num_layers,), 0 = all
  TensorNames tensors;
};

// Reads and checks the JSON of src/model/model-spec.ts. Throws ERR_MODEL_SPEC naming the field.
ModelSpec parse_model_spec(std::string_view json);

}  // namespace millrace
