#include "runtime/model_spec.hpp"

#include <string>

#include "harness.hpp"

namespace millrace {
namespace {

// `extra` goes in front of the fields; a field that is given twice is an error, so it must be a new one.
std::string spec_json(const std::string& replace = "", const std::string& with = "") {
  std::string ref = R"({"name":"x"})", tensors;
  for (const char* role :
       {"embedding", "finalNorm", "inputNorm", "q", "k", "v", "o", "postNorm", "gate", "up"}) {
    tensors += '"' + std::string(role) + "\":" + ref + ",";
  }
  std::string json =
      R"({"architecture":"llama","vocabSize":10,"hiddenSize":32,"numLayers":2,"numHeads":4,)"
      R"("numKvHeads":2,"headDim":8,"ffnSize":64,"maxPositions":128,"normEpsilon":1e-5,)"
      R"("qkNorm":false,"activation":"silu","rope":{"form":"halves","inverseFrequencies":[1,0.5],)"
      R"("magnitude":1},"attentionScale":0.35,"slidingWindows":[0,16],"tensors":{)" +
      tensors + R"("down":{"name":"model.{layer}.down","rows":[0,32],"unpermuteHeads":0}}})";
  if (!replace.empty()) json.replace(json.find(replace), replace.size(), with);
  return json;
}

TEST("a model spec is read with every field in its place") {
  const ModelSpec spec = parse_model_spec(spec_json());
  CHECK_EQ(spec.vocab_size, 10);
  CHECK_EQ(spec.num_kv_heads, 2);
  CHECK_NEAR(spec.norm_epsilon, 1e-5, 1e-9);
  CHECK_EQ(spec.inverse_frequencies.size(), 2U);
  CHECK_EQ(spec.sliding_windows[1], 16);
  CHECK_EQ(spec.tensors.down.name, "model.{layer}.down");
  CHECK_EQ(spec.tensors.down.row_end, 32);
  CHECK(!spec.tensors.lm_head.has_value());
}

TEST("a model spec with an unknown, missing or impossible field is refused by its name") {
  const auto refused = [](const std::string& replace, const std::string& with, const char* field) {
    CHECK_CONTAINS(CHECK_THROWS_CODE(parse_model_spec(spec_json(replace, with)), "ERR_MODEL_SPEC"), field);
  };
  refused("\"vocabSize\":10", "\"vocabSize\":0", "vocabSize");
  refused("\"numKvHeads\":2", "\"numKvHeads\":3", "numKvHeads");
  refused("\"headDim\":8", "\"headDim\":9", "headDim");
  refused("[1,0.5]", "[1,0.5,1,1,1]", "inverseFrequencies");
  refused("[0,16]", "[0]", "slidingWindows");
  refused("\"silu\"", "\"relu\"", "activation");
  refused("\"qkNorm\":false", "\"qkNorm\":true", "qkNorm");
  refused("\"headDim\":8", "\"headDim\":8,\"numExperts\":4", "numExperts");
  refused("\"embedding\":{\"name\":\"x\"},", "", "embedding");
  CHECK_THROWS_CODE(parse_model_spec("{"), "ERR_MODEL_FILE");
}

}  // namespace
}  // namespace millrace
