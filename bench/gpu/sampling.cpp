// The sampler with Qwen3's vocabulary, against the time that one pass over the logits takes.
#include <random>

#include "bench.hpp"
#include "device/sample_row.hpp"
#include "kernels/sampling.hpp"
#include "plugin/sample_row.hpp"

namespace millrace::bench {

void measure_sampling(Report& report, gpu::Stream& stream) {
  constexpr int kVocab = 151936, kMostRows = 256;
  std::mt19937_64 rng(3);
  std::normal_distribution<float> normal(0, 2.5F);
  std::vector<float> row(kVocab);
  const CardMemory logits(std::int64_t{4} * kMostRows * kVocab);
  for (int i = 0; i < kMostRows; ++i) {
    // A new row now and then: making 39 million of these takes longer than all that is measured.
    for (float& logit : row) logit = i % 32 == 0 ? normal(rng) : logit;
    stream.copy_to_device(logits.as<float>() + std::int64_t{i} * kVocab, row.data(),
                          std::int64_t{4} * kVocab);
    stream.synchronize();
  }
  struct Way {
    const char* name;
    SamplingParams params;
    bool logprobs;
  };
  const Way ways[] = {{"greedy", {.temperature = 0}, false},
                      {"temperature 1", {}, false},
                      {"top-p 0.95", {.top_p = 0.95F}, false},
                      {"top-k 20, top-p 0.95", {.temperature = 0.6F, .top_k = 20, .top_p = 0.95F}, false},
                      {"greedy, 20 log-probabilities", {.temperature = 0, .top_logprobs = 20}, true}};
  for (const Way& way : ways) {
    for (const int rows : {1, 16, 256}) {
      std::vector<gpu::CardSampleRow> card_rows;
      for (int i = 0; i < rows; ++i) {
        card_rows.push_back(gpu::card_sample_row(
            to_c({.params = &way.params, .position = i, .want_logprobs = way.logprobs})));
      }
      const auto row_bytes = static_cast<std::int64_t>(card_rows.size() * sizeof(gpu::CardSampleRow));
      const CardMemory on_card(row_bytes), results(std::int64_t{16} * rows), top(std::int64_t{8} * 32 * rows),
          workspace(gpu::sample_workspace_bytes(rows, kVocab));
      stream.copy_to_device(on_card.as<void>(), card_rows.data(), row_bytes);
      stream.synchronize();
      gpu::SampleParams params{};
      params.logits = logits.as<float>();
      params.stride = params.vocab = kVocab;
      params.rows = rows;
      params.sample_rows = on_card.as<gpu::CardSampleRow>();
      params.results = results.as<gpu::CardSampleResult>();
      params.top_ids = top.as<std::int32_t>();
      params.top_logprobs = top.as<float>() + 32 * rows;
      params.top_stride = 32;
      params.workspace = workspace.as<void>();
      const double us = CardTimer(stream).measure_us(20, [&](int) { gpu::launch_sample(stream, params); });
      report.add(std::string("sample, ") + way.name + ", " + std::to_string(rows) + " rows",
                 {{"us", us}, {"GBps", 4.0 * rows * kVocab / us / 1e3}});
    }
  }
}

}  // namespace millrace::bench
