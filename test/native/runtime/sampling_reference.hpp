// Sampling by the book: sorts everything, in double precision. sampling_test.cpp compares the real one with
// it.
#pragma once
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <random>
#include <vector>

#include "harness.hpp"
#include "runtime/sampling.hpp"

namespace millrace::test {

constexpr double kNever = -std::numeric_limits<double>::infinity();

struct History {
  std::vector<std::int32_t> prompt, output;
};

inline std::vector<float> random_logits(std::size_t vocab, double spread, std::mt19937_64& rng) {
  std::normal_distribution<double> normal(0, spread);
  std::vector<float> logits(vocab);
  for (float& logit : logits) logit = static_cast<float>(normal(rng));
  return logits;
}

inline SampleResult sample(const std::vector<float>& logits, const SampleRow& row) {
  static SampleScratch scratch;
  SampleResult result;
  sample_row(logits, row, scratch, result);
  return result;
}

inline TokenCounts count(const History& history) {
  TokenCounts counts;
  counts.add_prompt(history.prompt);
  for (const std::int32_t token : history.output) counts.add_output(token);
  return counts;
}

inline bool contains(const std::vector<std::int32_t>& tokens, std::int32_t token) {
  return std::find(tokens.begin(), tokens.end(), token) != tokens.end();
}

// Logits after bias, penalties, banned ids and mask.
inline std::vector<double> adjusted_logits(const std::vector<float>& logits, const SampleRow& row,
                                           const History& history) {
  const SamplingParams& params = *row.params;
  std::vector<double> scores(logits.begin(), logits.end());
  for (std::size_t i = 0; i < params.bias_ids.size(); ++i) {
    scores[static_cast<std::size_t>(params.bias_ids[i])] += static_cast<double>(params.biases[i]);
  }
  for (std::size_t id = 0; id < scores.size(); ++id) {
    const auto token = static_cast<std::int32_t>(id);
    const auto times = std::count(history.output.begin(), history.output.end(), token);
    if (times > 0 || contains(history.prompt, token)) {
      scores[id] *= scores[id] > 0 ? 1.0 / static_cast<double>(params.repetition_penalty)
                                   : static_cast<double>(params.repetition_penalty);
    }
    scores[id] -= static_cast<double>(params.frequency_penalty) * static_cast<double>(times);
    if (times > 0) scores[id] -= static_cast<double>(params.presence_penalty);
    const bool banned = std::find(row.banned.begin(), row.banned.end(), token) != row.banned.end();
    const bool masked =
        row.mask != nullptr && ((static_cast<std::uint32_t>(row.mask[id / 32]) >> (id % 32)) & 1U) == 0;
    if (banned || masked) scores[id] = kNever;
  }
  return scores;
}

// Probability of each token: temperature, then top-k, top-p of what is left, min-p.
inline std::vector<double> probabilities(const std::vector<double>& scores, const SamplingParams& params) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
  if (params.top_k > 0 && static_cast<std::size_t>(params.top_k) < order.size()) {
    order.resize(static_cast<std::size_t>(params.top_k));
  }
  const double best = scores[order[0]];
  const auto weight = [&](std::size_t id) {
    return std::exp((scores[id] - best) / static_cast<double>(params.temperature));
  };
  double total = 0;
  for (const std::size_t id : order) total += weight(id);
  std::vector<double> kept(scores.size());
  double reached = 0, kept_total = 0;
  for (const std::size_t id : order) {
    if (id != order[0] && params.top_p < 1 && reached >= static_cast<double>(params.top_p) * total) break;
    reached += weight(id);
    if (weight(id) < static_cast<double>(params.min_p)) continue;
    kept[id] = weight(id);
    kept_total += weight(id);
  }
  for (double& p : kept) p /= kept_total;
  return kept;
}

}  // namespace millrace::test
