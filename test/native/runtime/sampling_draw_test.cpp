// Which tokens can be drawn, and how often.
#include <array>

#include "harness.hpp"
#include "runtime/logit_scan.hpp"
#include "sampling_reference.hpp"

namespace {

using namespace millrace;
using namespace millrace::test;

// Draws many tokens and compares their frequencies with the probabilities: the statistic is about the number
// of tokens with weight, with a deviation of sqrt(2 n); six deviations happen by chance less than once in a
// million runs.
void check_distribution(const std::vector<float>& logits, const SamplingParams& given, const char* what) {
  constexpr int kDraws = 20000;
  SamplingParams params = given;
  params.seed = seed() * 31 + 7;
  SampleRow row{.params = &params};
  const auto expected = probabilities(adjusted_logits(logits, row, {}), params);
  std::vector<int> counts(logits.size());
  for (int i = 0; i < kDraws; ++i) {
    row.position = i;
    ++counts[static_cast<std::size_t>(sample(logits, row).token)];
  }
  double statistic = 0, cells = 0, rare_expected = 0, rare_seen = 0;
  for (std::size_t id = 0; id < logits.size(); ++id) {
    const double e = expected[id] * kDraws;
    if (e == 0 && counts[id] > 0)
      fail(__FILE__, __LINE__, std::string(what) + ": drew a token that was cut off");
    if (e < 5) {
      rare_expected += e;
      rare_seen += counts[id];
      continue;
    }
    statistic += (counts[id] - e) * (counts[id] - e) / e;
    ++cells;
  }
  if (rare_expected >= 5) {
    statistic += (rare_seen - rare_expected) * (rare_seen - rare_expected) / rare_expected;
    ++cells;
  }
  if (!(statistic <= cells + 6 * std::sqrt(2 * cells) + 6)) {
    fail(__FILE__, __LINE__,
         std::string(what) + ": chi-square " + std::to_string(statistic) + " for " + std::to_string(cells) +
             " cells");
  }
  count_check();
}

double uniform_draw(std::uint64_t seed, std::uint64_t position) {
  return RandomDraws(seed, position).next();
}

// The tokens that can be drawn at all, found by drawing with numbers all over [0, 1).
std::vector<std::int32_t> drawable(const std::vector<float>& logits, SamplingParams params) {
  std::vector<std::int32_t> tokens;
  for (int i = 0; i < 4000; ++i) {
    const SampleRow row{.params = &params, .position = i};
    const std::int32_t token = sample(logits, row).token;
    if (!contains(tokens, token)) tokens.push_back(token);
  }
  std::sort(tokens.begin(), tokens.end());
  return tokens;
}

}  // namespace

TEST("tokens are drawn with their probabilities, under every filter") {
  auto rng = make_rng(82);
  const std::vector<float> small = random_logits(40, 1.5, rng), large = random_logits(3000, 2.5, rng);
  check_distribution(small, {}, "plain");
  check_distribution(small, {.temperature = 0.6F}, "cold");
  check_distribution(small, {.temperature = 2}, "hot");
  check_distribution(small, {.top_k = 7}, "top-k");
  check_distribution(small, {.top_p = 0.8F}, "top-p");
  check_distribution(small, {.min_p = 0.1F}, "min-p");
  check_distribution(small, {.temperature = 1.3F, .top_k = 20, .top_p = 0.9F, .min_p = 0.05F}, "all filters");
  check_distribution(large, {}, "large plain");
  check_distribution(large, {.top_k = 50}, "large top-k");
  check_distribution(large, {.top_p = 0.95F}, "large top-p");
  check_distribution(large, {.temperature = 2, .top_k = 2000, .top_p = 0.99F}, "large hot");
  check_distribution(large, {.temperature = 3, .top_p = 0.3F}, "many rejections");
  check_distribution(large, {.temperature = 3, .top_k = 500, .top_p = 0.5F, .min_p = 0.3F}, "a deep min-p");
}

TEST("top-k keeps exactly k tokens, of equal logits the lower ids") {
  auto rng = make_rng(83);
  CHECK_EQ(drawable({1, 1, 1, 1, 1}, {.top_k = 3}), (std::vector<std::int32_t>{0, 1, 2}));
  CHECK_EQ(drawable({0, 1, 0, 1, 0, 1}, {.top_k = 2}), (std::vector<std::int32_t>{1, 3}));
  CHECK_EQ(drawable({0, 1, 0, 1, 0.5F, 1}, {.top_k = 4}), (std::vector<std::int32_t>{1, 3, 4, 5}));
  SampleScratch scratch;
  for (int i = 0; i < 100; ++i) {
    std::vector<float> logits = random_logits(1 + rng() % 4000, 2, rng);
    if (i % 2 == 0) {
      for (float& logit : logits) logit = std::round(logit);
    }
    const std::size_t k = 1 + rng() % (i % 3 == 0 ? logits.size() : std::min<std::size_t>(20, logits.size()));
    std::vector<std::int32_t> order(logits.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
      return logits[static_cast<std::size_t>(a)] > logits[static_cast<std::size_t>(b)];
    });
    order.resize(k);
    std::sort(order.begin(), order.end());
    scan_logits(logits, scratch);
    collect(logits, best_tokens(logits, k, scratch), scratch);
    CHECK(scratch.candidates == order);
  }
}

TEST("top-p keeps the smallest set that reaches p, and at least the best token") {
  const std::vector<float> logits = {std::log(0.1F), std::log(0.5F), std::log(0.15F), std::log(0.25F)};
  CHECK_EQ(drawable(logits, {.top_p = 0}), (std::vector<std::int32_t>{1}));
  CHECK_EQ(drawable(logits, {.top_p = 0.49F}), (std::vector<std::int32_t>{1}));
  CHECK_EQ(drawable(logits, {.top_p = 0.51F}), (std::vector<std::int32_t>{1, 3}));
  CHECK_EQ(drawable(logits, {.top_p = 0.76F}), (std::vector<std::int32_t>{1, 2, 3}));
  CHECK_EQ(drawable(logits, {.top_p = 0.91F}), (std::vector<std::int32_t>{0, 1, 2, 3}));
  CHECK_EQ(drawable({0, 0, 0, 0}, {.top_p = 0.6F}), (std::vector<std::int32_t>{0, 1, 2}));
  // After top-k, p is a share of what top-k left: 0.5 of 0.75 is 0.67.
  CHECK_EQ(drawable(logits, {.top_k = 2, .top_p = 0.66F}), (std::vector<std::int32_t>{1}));
  CHECK_EQ(drawable(logits, {.top_k = 2, .top_p = 0.68F}), (std::vector<std::int32_t>{1, 3}));
}

TEST("min-p keeps tokens that are at least min-p times as likely as the best, at the temperature") {
  const std::vector<float> logits = {std::log(0.1F), std::log(0.5F), std::log(0.15F), std::log(0.25F)};
  CHECK_EQ(drawable(logits, {.min_p = 0.49F}), (std::vector<std::int32_t>{1, 3}));
  CHECK_EQ(drawable(logits, {.min_p = 0.51F}), (std::vector<std::int32_t>{1}));
  CHECK_EQ(drawable(logits, {.min_p = 1}), (std::vector<std::int32_t>{1}));
  // At temperature 2 the ratio 0.3 becomes its root, 0.55.
  CHECK_EQ(drawable(logits, {.temperature = 2, .min_p = 0.54F}), (std::vector<std::int32_t>{1, 2, 3}));
}

TEST("the filters agree with the reference on which tokens are left, at real vocabulary sizes") {
  auto rng = make_rng(84);
  for (int i = 0; i < 12; ++i) {
    const std::vector<float> logits = random_logits(50000, i % 3 == 0 ? 0.5 : 3, rng);
    SamplingParams params{.temperature = 0.9F, .seed = rng()};
    if (i % 4 != 0) params.top_p = 0.9F;
    if (i % 2 == 0) params.top_k = 40;
    if (i % 5 == 0) params.min_p = 0.02F;
    const SampleRow plain{.params = &params};
    const auto expected = probabilities(adjusted_logits(logits, plain, {}), params);
    bool right = true;
    for (int draw = 0; draw < 100; ++draw) {
      const SampleRow row{.params = &params, .position = draw};
      right = right && expected[static_cast<std::size_t>(sample(logits, row).token)] > 0;
    }
    CHECK(right);
  }
}

TEST("the same seed and position give the same token, others do not") {
  auto rng = make_rng(86);
  const std::vector<float> logits = random_logits(1000, 1, rng);
  SamplingParams params{.seed = 12345};
  int same_position = 0, same_seed = 0;
  for (int i = 0; i < 200; ++i) {
    const std::int32_t token = sample(logits, {.params = &params, .position = i}).token;
    CHECK_EQ(sample(logits, {.params = &params, .position = i}).token, token);
    same_position += sample(logits, {.params = &params, .position = i + 1000}).token == token ? 1 : 0;
    SamplingParams other = params;
    ++other.seed;
    same_seed += sample(logits, {.params = &other, .position = i}).token == token ? 1 : 0;
  }
  CHECK(same_position < 20);
  CHECK(same_seed < 20);
}

TEST("uniform draws are even over positions and over seeds") {
  const std::uint64_t start = seed();
  for (const bool over_seeds : {false, true}) {
    std::array<int, 64> cells{};
    for (std::uint64_t i = 0; i < 64000; ++i) {
      const double u = over_seeds ? uniform_draw(start + i, 17) : uniform_draw(start, i);
      REQUIRE(u >= 0 && u < 1);
      ++cells[static_cast<std::size_t>(u * 64)];
    }
    double statistic = 0;
    for (const int cell : cells) statistic += (cell - 1000.0) * (cell - 1000.0) / 1000.0;
    CHECK(statistic < 64 + 6 * std::sqrt(128.0));
  }
  for (std::uint64_t later : {1, 2, 5}) {  // draws after the first of a position
    std::array<int, 64> cells{};
    for (std::uint64_t i = 0; i < 64000; ++i) {
      RandomDraws draws(start, i);
      for (std::uint64_t skipped = 0; skipped < later; ++skipped) draws.next();
      ++cells[static_cast<std::size_t>(draws.next() * 64)];
    }
    double statistic = 0;
    for (const int cell : cells) statistic += (cell - 1000.0) * (cell - 1000.0) / 1000.0;
    CHECK(statistic < 64 + 6 * std::sqrt(128.0));
  }
  // SplitMix64 started at 0: the first two outputs are known.
  CHECK_EQ(uniform_draw(0, 0), static_cast<double>(0xE220A8397B1DCDAFULL >> 11) * 0x1p-53);
  CHECK_EQ(uniform_draw(0, 1), static_cast<double>(0x6E789E6AA1B965F4ULL >> 11) * 0x1p-53);
}
