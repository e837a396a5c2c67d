#pragma once
#include <span>
#include <string>
#include <vector>

#include "formats/model_files.hpp"
#include "runtime/model_spec.hpp"

namespace millrace::test {

// One prompt, and what transformers answers to it.
struct FixtureCase {
  std::string name;
  std::vector<std::int32_t> prompt, greedy;
};

// A checkpoint of test/fixtures/models with what transformers computed of it in F32, and with some in the
// type of the weights (test/fixtures/README.md). The spec is test/gpu/specs/<name>.json.
class FixtureModel {
 public:
  explicit FixtureModel(const std::string& name);

  [[nodiscard]] const ModelFiles& files() const { return files_; }
  [[nodiscard]] const ModelSpec& spec() const { return spec_; }
  [[nodiscard]] const std::vector<FixtureCase>& cases() const { return cases_; }

  // Positions of the prompt whose logits are known, and those: (positions, vocab). `kind` is "logits",
  // "logits_bfloat16" or "logits_float16".
  [[nodiscard]] std::vector<std::int32_t> positions(const FixtureCase& of) const;
  [[nodiscard]] std::vector<float> logits(const FixtureCase& of, const std::string& kind = "logits") const;

 private:
  template <typename T>
  std::vector<T> values(const std::string& name) const;

  ModelFiles files_, expected_;
  ModelSpec spec_;
  std::vector<FixtureCase> cases_;
};

// Folders of test/fixtures/models.
inline constexpr const char* kFixtureModels[] = {"llama",      "llama-linear", "llama3",      "llama3-f16",
                                                 "mistral",    "mistral-swa",  "qwen2",       "qwen2-yarn",
                                                 "qwen3-bf16", "qwen3",        "qwen3-untied"};

// The largest difference after log-softmax, as a share of the largest reference logit; NaN when there is one.
double logit_error(std::span<const float> ours, std::span<const float> reference, int vocab);
// The same, over that share.
double logit_error(std::span<const float> ours, std::span<const float> reference, int vocab, double largest);
double largest_of(std::span<const float> logits);
// Those rows of (rows, vocab).
std::vector<float> rows_at(std::span<const float> logits, std::span<const std::int32_t> rows, int vocab);

}  // namespace millrace::test
