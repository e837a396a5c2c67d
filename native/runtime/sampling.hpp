#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/logit_kernels.hpp"

namespace millrace {

// Sampling of one sequence, fixed when its slot opens (src/native/binding.ts, SlotParams).
struct SamplingParams {
  float temperature = 1;  // 0 = greedy
  int top_k = 0;          // 0 = all
  float top_p = 1;
  float min_p = 0;
  float repetition_penalty = 1;
  float frequency_penalty = 0;
  float presence_penalty = 0;
  std::uint64_t seed = 0;
  int top_logprobs = 0;
  std::vector<std::int32_t> bias_ids = {};
  std::vector<float> biases = {};

  [[nodiscard]] bool has_penalties() const {
    return repetition_penalty != 1 || frequency_penalty != 0 || presence_penalty != 0;
  }
};

// 1 / temperature of a row that is not greedy, in range whatever the temperature: infinity times 0 would be
// NaN.
float inverse_temperature(float temperature);
// What tokens at least min_p times as likely as the best have at least, less the best's logit.
double min_p_depth(float min_p, float inverse_temperature);

// Occurrences of each token in a sequence, for the penalties. Only tokens that occur take memory.
class TokenCounts {
 public:
  struct Entry {
    std::int32_t token;
    std::int32_t in_output;  // times sampled
    bool in_prompt;
  };
  void add_prompt(std::span<const std::int32_t> tokens);
  void add_output(std::int32_t token);
  [[nodiscard]] std::span<const Entry> entries() const { return entries_; }

 private:
  Entry& find(std::int32_t token);
  std::vector<Entry> entries_;       // in order of first occurrence
  std::vector<std::int32_t> slots_;  // open-addressing table of indices into entries_, -1 = empty
};

// One row to sample.
struct SampleRow {
  const SamplingParams* params = nullptr;
  const TokenCounts* counts = nullptr;        // null: no penalties
  std::span<const std::int32_t> banned = {};  // ids that may not come now (stop ids before minTokens)
  const std::int32_t* mask = nullptr;         // bit k & 31 of word k >> 5 allows token k; null: all
  std::int64_t position = 0;                  // of the token that is drawn: the RNG's counter
  bool want_logprobs = false;
};

enum class SampleStatus : std::int8_t { kOk, kBadLogits, kBadMask };

// What one row gave. top_ids and top_logprobs are the caller's, of params->top_logprobs entries.
struct SampleResult {
  SampleStatus status = SampleStatus::kOk;
  std::int32_t token = -1;
  float logprob = 0;  // natural, of the raw logits: before penalties, bias, mask and temperature
  std::int32_t* top_ids = nullptr;
  float* top_logprobs = nullptr;
};

// Reused between calls, so that sampling allocates nothing once warm; one per thread.
struct SampleScratch {
  const LogitKernels* kernels = &scalar_logit_kernels();
  std::vector<float> scores = {};    // (vocab,) logits after bias, penalties and mask
  std::vector<float> maxima = {};    // of each run of logits, logit_scan.hpp
  std::vector<float> run_sums = {};  // weights of each run
  std::vector<std::int32_t> candidates = {};
};

// Order of the operations (docs/algorithms.md): raw log-probabilities are taken first; then bias,
// penalties, banned ids and mask; temperature; top-k; top-p; min-p; draw. Ties break to the lower id.
// Greedy (temperature 0) takes the best after bias, penalties and mask. `logits` (vocab,) is not changed.
// NaN or +infinity in the logits gives kBadLogits; no token allowed gives kBadMask.
void sample_row(std::span<const float> logits, const SampleRow& row, SampleScratch& scratch,
                SampleResult& result);

// Uniform numbers in [0, 1), functions of (seed, position) alone. The first is output number `position` of
// the SplitMix64 generator that starts at the seed, each other the first output of one that starts at the
// output before. The CUDA sampler computes the same numbers.
class RandomDraws {
 public:
  RandomDraws(std::uint64_t seed, std::uint64_t position) : state_(seed + (position + 1) * kStep) {}
  double next();

 private:
  static constexpr std::uint64_t kStep = 0x9E3779B97F4A7C15ULL;
  std::uint64_t state_;
};

// Natural log-probability of `token` and of the `top` most likely tokens, of raw logits.
float log_probabilities(std::span<const float> logits, std::int32_t token, int top, std::int32_t* top_ids,
                        float* top_logprobs, SampleScratch& scratch);

}  // namespace millrace
