#include "runtime/model_spec.hpp"

#include <cmath>
#include <functional>
#include <initializer_list>
#include <unordered_map>
#include <utility>

#include "core/error.hpp"
#include "formats/json.hpp"

namespace millrace {
namespace {

constexpr std::string_view kSource = "model spec";
constexpr std::uint64_t kMaxSize = std::uint64_t{1} << 30;

[[noreturn]] void refuse(const std::string& field, const std::string& problem) {
  throw Error("ERR_MODEL_SPEC", "The model spec's " + field + " " + problem + ".");
}

int read_int(JsonReader& json, const std::string& field) {
  const std::uint64_t value = json.unsigned_integer();
  if (value > kMaxSize)
    refuse(field, "is " + std::to_string(value) + "; at most " + std::to_string(kMaxSize) + " works");
  return static_cast<int>(value);
}

template <typename Value>
Value read_choice(JsonReader& json, const std::string& field,
                  std::initializer_list<std::pair<std::string_view, Value>> choices) {
  const std::string name = json.string();
  for (const auto& [choice, value] : choices) {
    if (choice == name) return value;
  }
  refuse(field, "is \"" + name + "\", which the runtime does not know");
}

using FieldReaders = std::unordered_map<std::string, std::function<void()>>;

// An object in which every field has a reader; others are an error, so that nothing is ignored.
void read_fields(JsonReader& json, const std::string& where, const FieldReaders& readers) {
  json.object([&](const std::string& key) {
    const auto reader = readers.find(key);
    if (reader == readers.end()) refuse(where + key, "is not known to the runtime");
    reader->second();
  });
}

TensorRef read_ref(JsonReader& json, const std::string& where) {
  TensorRef ref;
  read_fields(
      json, where + ".",
      {{"name", [&] { ref.name = json.string(); }},
       {"rows",
        [&] {
          int count = 0;
          json.array([&] { (count++ == 0 ? ref.row_start : ref.row_end) = read_int(json, where + ".rows"); });
          if (count != 2 || ref.row_end <= ref.row_start) refuse(where + ".rows", "must be [start, end)");
        }},
       {"unpermuteHeads", [&] { ref.unpermute_heads = read_int(json, where + ".unpermuteHeads"); }}});
  if (ref.name.empty()) refuse(where + ".name", "is missing");
  return ref;
}

TensorNames read_names(JsonReader& json) {
  TensorNames names;
  const auto required = [&](TensorRef& ref, const char* role) {
    return [&json, &ref, role] { ref = read_ref(json, std::string("tensors.") + role); };
  };
  const auto optional = [&](std::optional<TensorRef>& ref, const char* role) {
    return [&json, &ref, role] { ref = read_ref(json, std::string("tensors.") + role); };
  };
  read_fields(json, "tensors.",
              {{"embedding", required(names.embedding, "embedding")},
               {"finalNorm", required(names.final_norm, "finalNorm")},
               {"lmHead", optional(names.lm_head, "lmHead")},
               {"inputNorm", required(names.input_norm, "inputNorm")},
               {"q", required(names.q, "q")},
               {"k", required(names.k, "k")},
               {"v", required(names.v, "v")},
               {"qBias", optional(names.q_bias, "qBias")},
               {"kBias", optional(names.k_bias, "kBias")},
               {"vBias", optional(names.v_bias, "vBias")},
               {"qNorm", optional(names.q_norm, "qNorm")},
               {"kNorm", optional(names.k_norm, "kNorm")},
               {"o", required(names.o, "o")},
               {"oBias", optional(names.o_bias, "oBias")},
               {"postNorm", required(names.post_norm, "postNorm")},
               {"gate", required(names.gate, "gate")},
               {"up", required(names.up, "up")},
               {"down", required(names.down, "down")}});
  const std::pair<const char*, const TensorRef*> roles[] = {{"embedding", &names.embedding},
                                                            {"finalNorm", &names.final_norm},
                                                            {"inputNorm", &names.input_norm},
                                                            {"q", &names.q},
                                                            {"k", &names.k},
                                                            {"v", &names.v},
                                                            {"o", &names.o},
                                                            {"postNorm", &names.post_norm},
                                                            {"gate", &names.gate},
                                                            {"up", &names.up},
                                                            {"down", &names.down}};
  for (const auto& [role, ref] : roles) {
    if (ref->name.empty()) refuse(std::string("tensors.") + role, "is missing");
  }
  return names;
}

void read_rope(JsonReader& json, ModelSpec& spec) {
  read_fields(
      json, "rope.",
      {{"form",
        [&] {
          spec.rope_form = read_choice<RopeForm>(
              json, "rope.form", {{"halves", RopeForm::kHalves}, {"pairs", RopeForm::kPairs}});
        }},
       {"inverseFrequencies",
        [&] { json.array([&] { spec.inverse_frequencies.push_back(static_cast<float>(json.number())); }); }},
       {"magnitude", [&] { spec.rope_magnitude = static_cast<float>(json.number()); }}});
}

void check(const ModelSpec& spec) {
  const std::pair<const char*, int> sizes[] = {
      {"vocabSize", spec.vocab_size}, {"hiddenSize", spec.hidden_size},    {"numLayers", spec.num_layers},
      {"numHeads", spec.num_heads},   {"numKvHeads", spec.num_kv_heads},   {"headDim", spec.head_dim},
      {"ffnSize", spec.ffn_size},     {"maxPositions", spec.max_positions}};
  for (const auto& [field, size] : sizes) {
    if (size < 1) refuse(field, "must be at least 1");
  }
  if (spec.num_heads % spec.num_kv_heads != 0) refuse("numKvHeads", "must divide numHeads");
  if (spec.head_dim % 8 != 0 || spec.head_dim > 512)
    refuse("headDim", "must be a multiple of 8, at most 512");
  const auto rotary_dim = static_cast<int>(spec.inverse_frequencies.size()) * 2;
  if (rotary_dim < 2 || rotary_dim > spec.head_dim) {
    refuse("rope.inverseFrequencies", "must have from 1 to headDim / 2 entries");
  }
  for (const float frequency : spec.inverse_frequencies) {
    if (!std::isfinite(frequency) || frequency < 0)
      refuse("rope.inverseFrequencies", "must be finite and not negative");
  }
  if (!(spec.norm_epsilon >= 0 && spec.norm_epsilon < 1)) refuse("normEpsilon", "must be from 0 to 1");
  if (!(spec.attention_scale > 0)) refuse("attentionScale", "must be above 0");
  if (static_cast<int>(spec.sliding_windows.size()) != spec.num_layers) {
    refuse("slidingWindows", "must have one entry a layer");
  }
  if (spec.qk_norm != (spec.tensors.q_norm.has_value() && spec.tensors.k_norm.has_value())) {
    refuse("qkNorm", "must be true exactly when tensors.qNorm and tensors.kNorm are given");
  }
}

}  // namespace

ModelSpec parse_model_spec(std::string_view text) {
  ModelSpec spec;
  JsonReader json(text, kSource);
  const auto size = [&](int& to, const char* field) {
    return [&json, &to, field] { to = read_int(json, field); };
  };
  const auto real = [&](float& to) { return [&json, &to] { to = static_cast<float>(json.number()); }; };
  read_fields(
      json, "",
      {{"architecture", [&] { spec.architecture = json.string(); }},
       {"vocabSize", size(spec.vocab_size, "vocabSize")},
       {"hiddenSize", size(spec.hidden_size, "hiddenSize")},
       {"numLayers", size(spec.num_layers, "numLayers")},
       {"numHeads", size(spec.num_heads, "numHeads")},
       {"numKvHeads", size(spec.num_kv_heads, "numKvHeads")},
       {"headDim", size(spec.head_dim, "headDim")},
       {"ffnSize", size(spec.ffn_size, "ffnSize")},
       {"maxPositions", size(spec.max_positions, "maxPositions")},
       {"normEpsilon", real(spec.norm_epsilon)},
       {"qkNorm", [&] { spec.qk_norm = json.boolean(); }},
       {"activation",
        [&] {
          spec.activation = read_choice<Activation>(json, "activation",
                                                    {{"silu", Activation::kSilu},
                                                     {"gelu", Activation::kGelu},
                                                     {"gelu_tanh", Activation::kGeluTanh}});
        }},
       {"rope", [&] { read_rope(json, spec); }},
       {"attentionScale", real(spec.attention_scale)},
       {"slidingWindows",
        [&] { json.array([&] { spec.sliding_windows.push_back(read_int(json, "slidingWindows")); }); }},
       {"tensors", [&] { spec.tensors = read_names(json); }}});
  json.end();
  check(spec);
  return spec;
}

}  // namespace millrace
