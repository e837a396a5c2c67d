#include "runtime/sampling.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "runtime/logit_scan.hpp"

namespace millrace {
namespace {

constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

float log_of_sum(std::span<const float> logits, float max) {
  return static_cast<float>(std::log(sum_exp(logits, max, 1, nullptr)));
}

// The `top` largest logits, best first, as log-probabilities; -1 and -infinity where there are no more.
// scratch.maxima are of these logits.
void fill_top(std::span<const float> logits, float log_sum_exp, int top, std::int32_t* ids, float* logprobs,
              SampleScratch& scratch) {
  if (top <= 0) return;
  collect_largest(logits, static_cast<std::size_t>(top), scratch);
  auto& best = scratch.candidates;
  const auto logit = [&](std::int32_t id) { return logits[static_cast<std::size_t>(id)]; };
  std::stable_sort(best.begin(), best.end(),
                   [&](std::int32_t a, std::int32_t b) { return logit(a) > logit(b); });
  for (int i = 0; i < top; ++i) {
    const bool exists = i < static_cast<int>(best.size());
    ids[i] = exists ? best[static_cast<std::size_t>(i)] : -1;
    logprobs[i] = exists ? logit(ids[i]) - log_sum_exp : kMinusInfinity;
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

double fill_weights(const Tempered& tempered, SampleScratch& scratch) {
  scratch.weights.clear();
  double total = 0;
  for (const std::int32_t id : scratch.candidates) {
    scratch.weights.push_back(tempered.weight(id));
    total += scratch.weights.back();
  }
  return total;
}

// Drops candidates and their weights together.
template <typename Keep>
void keep_candidates(SampleScratch& scratch, Keep keep) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < scratch.candidates.size(); ++i) {
    if (!keep(scratch.candidates[i], scratch.weights[i])) continue;
    scratch.candidates[kept] = scratch.candidates[i];
    scratch.weights[kept++] = scratch.weights[i];
  }
  scratch.candidates.resize(kept);
  scratch.weights.resize(kept);
}

// Keeps the fewest candidates, best first, whose weights sum to at least `mass` (nucleus sampling: Holtzman
// et al. 2019, arXiv:1904.09751). A histogram over the scores finds the bucket in which the sum is reached;
// only that bucket is sorted.
void keep_nucleus(const Tempered& tempered, double mass, SampleScratch& scratch) {
  constexpr int kBuckets = 1024;
  constexpr float kBucketsPerUnit = kBuckets / 90.0F;  // weights end at exp(-87)
  // Does not fall as the score falls.
  const auto bucket_of = [&](std::int32_t id) {
    const float below = (tempered.best - tempered.score(id)) * tempered.scale;
    return below < 89 ? static_cast<int>(below * kBucketsPerUnit) : kBuckets - 1;
  };
  std::array<double, kBuckets> masses{};
  for (std::size_t i = 0; i < scratch.candidates.size(); ++i) {
    masses[static_cast<std::size_t>(bucket_of(scratch.candidates[i]))] += scratch.weights[i];
  }
  int boundary = 0;
  double reached = 0;
  while (boundary < kBuckets - 1 && reached + masses[static_cast<std::size_t>(boundary)] < mass) {
    reached += masses[static_cast<std::size_t>(boundary++)];
  }
  auto& ordered = scratch.spare;
  ordered.clear();
  for (const std::int32_t id : scratch.candidates) {
    if (bucket_of(id) == boundary) ordered.push_back(id);
  }
  const auto before = [&](std::int32_t a, std::int32_t b) {
    return tempered.score(a) != tempered.score(b) ? tempered.score(a) > tempered.score(b) : a < b;
  };
  std::sort(ordered.begin(), ordered.end(), before);
  std::int32_t last = -1;  // of the kept; the best candidate is kept in any case
  for (const std::int32_t id : ordered) {
    if (last >= 0 && reached >= mass) break;
    last = id;
    reached += tempered.weight(id);
  }
  keep_candidates(scratch, [&](std::int32_t id, float) {
    const int bucket = bucket_of(id);
    return bucket < boundary || (bucket == boundary && last >= 0 && !before(last, id));
  });
}

// Candidates for top-p without top-k: enough of the best to hold the mass. Most models put nearly everything
// within a few units of the best logit.
double collect_mass(const Tempered& tempered, double mass, SampleScratch& scratch) {
  for (const float depth : {8.0F, 16.0F, 88.0F}) {
    const float threshold =
        depth < 80 ? tempered.best - depth / tempered.scale : std::numeric_limits<float>::lowest();
    collect_at_least(tempered.scores, scratch.maxima, threshold, scratch.candidates);
    const double total = fill_weights(tempered, scratch);
    if (depth > 80 || total >= mass) return total;
  }
  return 0;
}

// Draws in order of id: the first candidate at which the running sum passes `draw` of the total.
std::int32_t draw_candidate(double draw, const SampleScratch& scratch) {
  double total = 0;
  for (const float weight : scratch.weights) total += weight;
  const double target = draw * total;
  double sum = 0;
  std::int32_t token = -1;
  for (std::size_t i = 0; i < scratch.candidates.size(); ++i) {
    if (scratch.weights[i] == 0) continue;
    token = scratch.candidates[i];
    sum += scratch.weights[i];
    if (sum > target) break;
  }
  return token;
}

// The same over the whole vocabulary: first the run, then the token within it.
std::int32_t draw_any(const Tempered& tempered, double draw, SampleScratch& scratch) {
  const double target = draw * sum_exp(tempered.scores, tempered.best, tempered.scale, &scratch.weights);
  double sum = 0;
  std::int32_t token = -1;
  for (std::size_t run = 0; run < scratch.weights.size(); ++run) {
    const bool is_last = run + 1 == scratch.weights.size();
    if (sum + scratch.weights[run] <= target && !is_last) {
      sum += scratch.weights[run];
      continue;
    }
    const std::size_t end = std::min(tempered.scores.size(), (run + 1) * kRunLogits);
    for (std::size_t i = run * kRunLogits; i < end; ++i) {
      const float weight = tempered.weight(static_cast<std::int32_t>(i));
      if (weight == 0) continue;
      token = static_cast<std::int32_t>(i);
      sum += weight;
      if (sum > target) return token;
    }
  }
  return token;
}

std::int32_t draw_token(const Tempered& tempered, const SampleRow& row, SampleScratch& scratch) {
  const SamplingParams& params = *row.params;
  const double draw = uniform_draw(params.seed, static_cast<std::uint64_t>(row.position));
  const std::size_t top_k =
      params.top_k > 0 ? static_cast<std::size_t>(params.top_k) : tempered.scores.size();
  if (top_k >= tempered.scores.size() && params.top_p >= 1 && params.min_p <= 0) {
    const std::int32_t token = draw_any(tempered, draw, scratch);
    return token;
  }
  if (top_k < tempered.scores.size()) {
    collect_largest(tempered.scores, top_k, scratch);
    const double total = fill_weights(tempered, scratch);
    if (params.top_p < 1) keep_nucleus(tempered, params.top_p * total, scratch);
  } else if (params.top_p < 1) {
    const double mass = params.top_p * sum_exp(tempered.scores, tempered.best, tempered.scale, nullptr);
    collect_mass(tempered, mass, scratch);
    keep_nucleus(tempered, mass, scratch);
  } else {
    // A little deeper than ln(min_p), which is then applied to the weights themselves.
    const float depth = 1e-3F - std::log(params.min_p);
    collect_at_least(tempered.scores, scratch.maxima, tempered.best - depth / tempered.scale,
                     scratch.candidates);
    fill_weights(tempered, scratch);
  }
  if (params.min_p > 0) {
    keep_candidates(scratch, [&](std::int32_t, float weight) { return weight >= params.min_p; });
  }
  return draw_candidate(draw, scratch);
}

}  // namespace

void sample_row(std::span<const float> logits, const SampleRow& row, SampleScratch& scratch,
                SampleResult& result) {
  result.token = -1;
  result.logprob = 0;
  LogitScan scan = scan_logits(logits, scratch.maxima);
  if (scan.bad || scan.argmax < 0) {
    result.status = SampleStatus::kBadLogits;
    return;
  }
  result.status = SampleStatus::kOk;
  float log_sum_exp = 0;
  if (row.want_logprobs) {
    log_sum_exp = scan.max + log_of_sum(logits, scan.max);
    fill_top(logits, log_sum_exp, row.params->top_logprobs, result.top_ids, result.top_logprobs, scratch);
  }
  std::span<const float> scores = logits;
  if (is_adjusted(row)) {
    scores = adjust(logits, row, scratch);
    scan = scan_logits(scores, scratch.maxima);
    if (scan.bad || scan.argmax < 0) {
      result.status = scan.bad ? SampleStatus::kBadLogits : SampleStatus::kBadMask;
      return;
    }
  }
  if (row.params->temperature > 0) {
    // In range whatever the temperature: infinity times 0 would be NaN.
    const float scale = std::clamp(1 / row.params->temperature, std::numeric_limits<float>::min(),
                                   std::numeric_limits<float>::max());
    result.token = draw_token({scores, scan.max, scale}, row, scratch);
  } else {
    result.token = scan.argmax;
  }
  if (row.want_logprobs) result.logprob = logits[static_cast<std::size_t>(result.token)] - log_sum_exp;
}

double uniform_draw(std::uint64_t seed, std::uint64_t position) {
  // SplitMix64 (Steele, Lea & Flood 2014): output number `position` of the generator that starts at `seed`.
  std::uint64_t z = seed + (position + 1) * 0x9E3779B97F4A7C15ULL;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

float log_probabilities(std::span<const float> logits, std::int32_t token, int top, std::int32_t* top_ids,
                        float* top_logprobs, SampleScratch& scratch) {
  const LogitScan scan = scan_logits(logits, scratch.maxima);
  if (scan.bad || scan.argmax < 0) {
    std::fill_n(top_ids, std::max(top, 0), -1);
    std::fill_n(top_logprobs, std::max(top, 0), kMinusInfinity);
    return std::numeric_limits<float>::quiet_NaN();
  }
  const float log_sum_exp = scan.max + log_of_sum(logits, scan.max);
  fill_top(logits, log_sum_exp, top, top_ids, top_logprobs, scratch);
  return logits[static_cast<std::size_t>(token)] - log_sum_exp;
}

}  // namespace millrace
