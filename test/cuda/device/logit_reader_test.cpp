// Sampling through the device, of more rows than a launch takes.
#include "cpu/device_fixture.hpp"
#include "device/plugin_fixture.hpp"
#include "kernels/sampling.hpp"

namespace millrace::test {
namespace {

constexpr int kVocab = 300, kTop = 3;

// Tokens and log-probabilities of one device, as they come out of memory that is not the device's.
struct Sampled {
  std::vector<SampleResult> results;
  std::vector<std::int32_t> top_ids;
  std::vector<float> top_logprobs;
};

Sampled sample_on(Device& device, std::vector<float> logits, std::span<const SampleRow> rows) {
  const auto count = static_cast<int>(rows.size());
  device.prepare({.max_rows = count,
                  .max_tokens = count,
                  .max_logit_rows = count,
                  .num_heads = 1,
                  .num_kv_heads = 1,
                  .head_dim = 64,
                  .vocab_size = kVocab,
                  .max_logprobs = kTop});
  const auto bytes = static_cast<std::int64_t>(logits.size() * sizeof(float));
  const auto buffer = device.allocate(bytes);
  device.copy_to_device(buffer->data(), logits.data(), bytes);
  Sampled sampled;
  sampled.results.resize(rows.size());
  sampled.top_ids.resize(rows.size() * kTop);
  sampled.top_logprobs.resize(rows.size() * kTop);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    sampled.results[i].top_ids = &sampled.top_ids[i * kTop];
    sampled.results[i].top_logprobs = &sampled.top_logprobs[i * kTop];
  }
  device.sample({buffer->data(), count, kVocab, kVocab}, rows, sampled.results);
  device.synchronize();
  return sampled;
}

}  // namespace

TEST("any number of rows may be adjusted and want log-probabilities: those of their logits") {
  auto rng = make_rng(71);
  // Of each kind beside each other: adjusted or not, with log-probabilities or without.
  constexpr int kRows = 3 * gpu::kMostScoreRows;
  std::normal_distribution<float> normal(0, 2);
  std::vector<float> logits(static_cast<std::size_t>(kRows * kVocab));
  for (float& logit : logits) logit = normal(rng);
  std::vector<SamplingParams> params(kRows);
  std::vector<SampleRow> rows;
  int kept = 0;
  for (int i = 0; i < kRows; ++i) {
    SamplingParams& of = params[static_cast<std::size_t>(i)];
    of.seed = rng();
    of.top_logprobs = kTop;
    if (uniform(rng, 0, 3) > 0) {
      of.bias_ids = {uniform(rng, 0, kVocab - 1), uniform(rng, 0, kVocab - 1)};
      of.biases = {7, -9};
    }
    rows.push_back({.params = &of, .position = i, .want_logprobs = uniform(rng, 0, 3) > 0});
    kept += !of.bias_ids.empty() && rows.back().want_logprobs ? 1 : 0;
  }
  REQUIRE(kept > gpu::kMostScoreRows);
  const auto cpu = make_device(Isa::kScalar);
  const Sampled expected = sample_on(*cpu, logits, rows), got = sample_on(*open_card(), logits, rows);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    CHECK_EQ(got.results[i].token, expected.results[i].token);
    if (!rows[i].want_logprobs) continue;
    CHECK_NEAR(got.results[i].logprob, expected.results[i].logprob, 1e-5);
    for (std::size_t k = i * kTop; k < (i + 1) * kTop; ++k) CHECK_EQ(got.top_ids[k], expected.top_ids[k]);
  }
}

}  // namespace millrace::test
