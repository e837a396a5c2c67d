#include "runtime/sampling.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "runtime/logit_scan.hpp"

namespace millrace {
namespace {

constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

float log_sum_exp(std::span<const float> logits, float max, SampleScratch& scratch) {
  return max + static_cast<float>(std::log(weigh(logits, max, 1, {}, scratch)));
}

// The `top` largest logits, best first, as log-probabilities; -1 and -infinity where there are no more.
void fill_top(std::span<const float> logits, float log_sum, int top, std::int32_t* ids, float* logprobs,
              SampleScratch& scratch) {
  if (top <= 0) return;
  collect(logits, best_tokens(logits, static_cast<std::size_t>(top), scratch), scratch);
  auto& best = scratch.candidates;
  const auto logit = [&](std::int32_t id) { return logits[static_cast<std::size_t>(id)]; };
  std::stable_sort(best.begin(), best.end(),
                   [&](std::int32_t a, std::int32_t b) { return logit(a) > logit(b); });
  for (int i = 0; i < top; ++i) {
    const bool exists = i < static_cast<int>(best.size());
    ids[i] = exists ? best[static_cast<std::size_t>(i)] : -1;
    logprobs[i] = exists ? logit(ids[i]) - log_sum : kMinusInfinity;
  }
}

bool is_adjusted(const SampleRow& row) {
  return !row.params->bias_ids.empty() || !row.banned.empty() || row.mask != nullptr ||
         (row.counts != nullptr && row.params->has_penalties());
}

void apply_mask(const std::int32_t* mask, std::span<float> scores) {
  for (std::size_t start = 0; start < scores.size(); start += 32) {
    const auto allowed = static_cast<std::uint32_t>(mask[start / 32]);
    if (allowed == 0xFFFFFFFFU) continue;
    const std::size_t count = std::min<std::size_t>(32, scores.size() - start);
    for (std::size_t bit = 0; bit < count; ++bit) {
      if (((allowed >> bit) & 1U) == 0) scores[start + bit] = kMinusInfinity;
    }
  }
}

// Repetition penalty: Keskar et al. 2019 (CTRL), arXiv:1909.05858, section 4.1, with the sign's case as it
// is done everywhere since. Frequency and presence penalties: as the OpenAI API defines them.
void apply_penalties(const SamplingParams& params, const TokenCounts& counts, std::span<float> scores) {
  for (const TokenCounts::Entry& entry : counts.entries()) {
    if (static_cast<std::size_t>(entry.token) >= scores.size()) continue;
    float& score = scores[static_cast<std::size_t>(entry.token)];
    score = score > 0 ? score / params.repetition_penalty : score * params.repetition_penalty;
    score -= params.frequency_penalty * static_cast<float>(entry.in_output);
    if (entry.in_output > 0) score -= params.presence_penalty;
  }
}

std::span<const float> adjust(std::span<const float> logits, const SampleRow& row, SampleScratch& scratch) {
  scratch.scores.assign(logits.begin(), logits.end());
  const std::span<float> scores = scratch.scores;
  for (std::size_t i = 0; i < row.params->bias_ids.size(); ++i) {
    const auto id = static_cast<std::size_t>(row.params->bias_ids[i]);
    if (id < scores.size()) scores[id] += row.params->biases[i];
  }
  if (row.counts != nullptr && row.params->has_penalties()) {
    apply_penalties(*row.params, *row.counts, scores);
  }
  for (const std::int32_t id : row.banned) {
    if (static_cast<std::size_t>(id) < scores.size()) scores[static_cast<std::size_t>(id)] = kMinusInfinity;
  }
  if (row.mask != nullptr) apply_mask(row.mask, scores);
  return scores;
}

// Scores with the temperature: weight(i) = exp((score - best) / temperature), 1 for the best.
struct Tempered {
  std::span<const float> scores;
  float best;
  float scale;  // 1 / temperature

  [[nodiscard]] float score(std::int32_t id) const { return scores[static_cast<std::size_t>(id)]; }
  [[nodiscard]] float weight(std::int32_t id) const { return exp_nonpositive((score(id) - best) * scale); }
};

// Draws among the tokens that were weighed last, `total` in sum: in order of id, the first at which the
// running sum passes `draw` of the total. First the run, then the token within it.
std::int32_t draw_weighed(const Tempered& tempered, const Best& among, double draw, double total,
                          const SampleScratch& scratch) {
  const double target = draw * total;
  double sum = 0;
  std::size_t last = 0;  // run with a sum, should rounding keep the target from being passed
  for (std::size_t run = 0; run < scratch.run_sums.size(); ++run) {
    if (scratch.run_sums[run] == 0) continue;
    last = run;
    if (sum + static_cast<double>(scratch.run_sums[run]) > target) break;
    sum += static_cast<double>(scratch.run_sums[run]);
  }
  const auto start = static_cast<std::int32_t>(last * kRunLogits);
  const auto end =
      static_cast<std::int32_t>(std::min(tempered.scores.size(), (last + 1) * std::size_t{kRunLogits}));
  std::int32_t token = -1;
  for (std::int32_t id = start; id < end; ++id) {
    if (!among.has(tempered.score(id), id)) continue;
    const float weight = tempered.weight(id);
    if (weight == 0) continue;
    token = id;
    sum += static_cast<double>(weight);
    if (sum > target) break;
  }
  return token;
}

// Tokens at least min_p times as likely as the best.
Best likely_tokens(const Tempered& tempered, float min_p) {
  return {static_cast<float>(static_cast<double>(tempered.best) + min_p_depth(min_p, tempered.scale))};
}

// Top-p (nucleus sampling: Holtzman et al. 2019, arXiv:1904.09751) by rejection, without putting anything in
// order (as FlashInfer does, Ye et al. 2025, arXiv:2501.01005): a token that is drawn from a set around the
// nucleus is in it when those better than it do not reach the mass. If it is not, what is better than it is
// a smaller set around the nucleus, already weighed.
std::int32_t draw_token(const Tempered& tempered, std::int32_t argmax, const SampleRow& row,
                        SampleScratch& scratch) {
  const SamplingParams& params = *row.params;
  const auto weigh_best = [&](const Best& best) {
    return weigh(tempered.scores, tempered.best, tempered.scale, best, scratch);
  };
  Best among;
  if (params.top_k > 0) among = best_tokens(tempered.scores, static_cast<std::size_t>(params.top_k), scratch);
  double total = 0, mass = 0;
  if (params.top_p < 1) {
    total = weigh_best(among);
    mass = static_cast<double>(params.top_p) * total;
  }
  const Best likely = params.min_p > 0 ? likely_tokens(tempered, params.min_p) : Best{};
  const bool is_narrower = likely.logit > among.logit;
  if (is_narrower) among = likely;
  if (is_narrower || params.top_p >= 1) total = weigh_best(among);
  RandomDraws draws(params.seed, static_cast<std::uint64_t>(row.position));
  while (true) {
    const std::int32_t token = draw_weighed(tempered, among, draws.next(), total, scratch);
    if (params.top_p >= 1 || token == argmax) return token;
    const Best better{tempered.score(token), token - 1};
    const double better_mass = weigh_best(better);
    if (better_mass < mass) return token;
    among = better;
    total = better_mass;
  }
}

}  // namespace

float inverse_temperature(float temperature) {
  return std::clamp(1 / temperature, std::numeric_limits<float>::min(), std::numeric_limits<float>::max());
}

double min_p_depth(float min_p, float inverse_temperature) {
  return std::log(static_cast<double>(min_p)) / static_cast<double>(inverse_temperature);
}

void sample_row(std::span<const float> logits, const SampleRow& row, SampleScratch& scratch,
                SampleResult& result) {
  result.token = -1;
  result.logprob = 0;
  LogitScan scan = scan_logits(logits, scratch);
  if (scan.bad || scan.argmax < 0) {
    result.status = SampleStatus::kBadLogits;
    return;
  }
  result.status = SampleStatus::kOk;
  float log_sum = 0;
  if (row.want_logprobs) {
    log_sum = log_sum_exp(logits, scan.max, scratch);
    fill_top(logits, log_sum, row.params->top_logprobs, result.top_ids, result.top_logprobs, scratch);
  }
  std::span<const float> scores = logits;
  if (is_adjusted(row)) {
    scores = adjust(logits, row, scratch);
    scan = scan_logits(scores, scratch);
    if (scan.bad || scan.argmax < 0) {
      result.status = scan.bad ? SampleStatus::kBadLogits : SampleStatus::kBadMask;
      return;
    }
  }
  if (row.params->temperature > 0) {
    const float scale = inverse_temperature(row.params->temperature);
    result.token = draw_token({scores, scan.max, scale}, scan.argmax, row, scratch);
  } else {
    result.token = scan.argmax;
  }
  if (row.want_logprobs) result.logprob = logits[static_cast<std::size_t>(result.token)] - log_sum;
}

double RandomDraws::next() {
  // SplitMix64 (Steele, Lea & Flood 2014).
  std::uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  z ^= z >> 31;
  state_ = z + kStep;
  return static_cast<double>(z >> 11) * 0x1p-53;
}

float log_probabilities(std::span<const float> logits, std::int32_t token, int top, std::int32_t* top_ids,
                        float* top_logprobs, SampleScratch& scratch) {
  const LogitScan scan = scan_logits(logits, scratch);
  if (scan.bad || scan.argmax < 0) {
    std::fill_n(top_ids, std::max(top, 0), -1);
    std::fill_n(top_logprobs, std::max(top, 0), kMinusInfinity);
    return std::numeric_limits<float>::quiet_NaN();
  }
  const float log_sum = log_sum_exp(logits, scan.max, scratch);
  fill_top(logits, log_sum, top, top_ids, top_logprobs, scratch);
  return logits[static_cast<std::size_t>(token)] - log_sum;
}

}  // namespace millrace
