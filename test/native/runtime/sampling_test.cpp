#include "runtime/sampling.hpp"

#include <array>

#include "harness.hpp"
#include "runtime/logit_scan.hpp"
#include "sampling_reference.hpp"

namespace {

using namespace millrace;
using namespace millrace::test;

std::int32_t best_of(const std::vector<double>& scores) {
  return static_cast<std::int32_t>(std::max_element(scores.begin(), scores.end()) - scores.begin());
}

}  // namespace

TEST("greedy sampling takes the largest logit, of equal ones the lowest id") {
  auto rng = make_rng(80);
  const SamplingParams greedy{.temperature = 0};
  for (const std::size_t vocab : {1U, 2U, 15U, 255U, 256U, 257U, 1000U, 5003U}) {
    for (int i = 0; i < 20; ++i) {
      std::vector<float> logits = random_logits(vocab, 3, rng);
      if (i % 2 == 0) {
        for (float& logit : logits) logit = std::round(logit);
      }
      const auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
      CHECK_EQ(sample(logits, {.params = &greedy}).token, best);
    }
  }
}

TEST("bias, penalties, banned ids and mask act as in the reference, in any mixture") {
  auto rng = make_rng(81);
  for (int i = 0; i < 300; ++i) {
    const std::size_t vocab = 1 + rng() % 700;
    const auto token = [&] { return static_cast<std::int32_t>(rng() % vocab); };
    const std::vector<float> logits = random_logits(vocab, 2, rng);
    SamplingParams params{.temperature = 0};
    History history;
    for (int n = 0; n < 30; ++n) (n % 3 == 0 ? history.prompt : history.output).push_back(token());
    if (rng() % 2 == 0) params.repetition_penalty = 1.7F;
    if (rng() % 2 == 0) params.frequency_penalty = rng() % 2 == 0 ? 0.6F : -0.6F;
    if (rng() % 2 == 0) params.presence_penalty = 1.1F;
    for (int n = 0; n < static_cast<int>(rng() % 3); ++n) {
      params.bias_ids.push_back(token());
      params.biases.push_back(n == 0 ? 4.0F : -100.0F);
    }
    std::vector<std::int32_t> banned, mask((vocab + 31) / 32, -1);
    if (rng() % 2 == 0) banned = {token(), token()};
    if (rng() % 2 == 0) {
      for (std::int32_t& word : mask) word = static_cast<std::int32_t>(rng());
    }
    const TokenCounts counts = count(history);
    const SampleRow row{.params = &params, .counts = &counts, .banned = banned, .mask = mask.data()};
    const auto scores = adjusted_logits(logits, row, history);
    const SampleResult result = sample(logits, row);
    if (scores[static_cast<std::size_t>(best_of(scores))] == kNever) {
      CHECK(result.status == SampleStatus::kBadMask);
      continue;
    }
    CHECK(result.status == SampleStatus::kOk);
    REQUIRE(result.token >= 0 && result.token < static_cast<std::int32_t>(vocab));
    // The reference computes in double precision: the same token unless two are level.
    CHECK_NEAR(scores[static_cast<std::size_t>(result.token)],
               scores[static_cast<std::size_t>(best_of(scores))], 1e-5);
  }
}

TEST("a repetition penalty divides positive and multiplies negative logits of prompt and output") {
  const std::vector<float> logits = {2.0F, 1.5F, -1.0F, -1.2F};
  const SamplingParams params{.temperature = 0, .repetition_penalty = 2};
  const auto pick = [&](const History& history, std::vector<std::int32_t> banned) {
    const TokenCounts counts = count(history);
    return sample(logits, {.params = &params, .counts = &counts, .banned = banned}).token;
  };
  CHECK_EQ(pick({}, {}), 0);
  CHECK_EQ(pick({{0}, {}}, {}), 1);
  CHECK_EQ(pick({{}, {0}}, {}), 1);
  CHECK_EQ(pick({{}, {0, 1}}, {}), 0);
  CHECK_EQ(pick({{2}, {}}, {0, 1}), 3);
}

TEST("frequency and presence penalties count the output only") {
  const std::vector<float> logits = {2.0F, 1.5F, 1.0F};
  const SamplingParams frequency{.temperature = 0, .frequency_penalty = 0.4F};
  const SamplingParams presence{.temperature = 0, .presence_penalty = 0.7F};
  const auto pick = [&](const SamplingParams& params, const History& history) {
    const TokenCounts counts = count(history);
    return sample(logits, {.params = &params, .counts = &counts}).token;
  };
  CHECK_EQ(pick(frequency, {{0, 0, 0, 0}, {}}), 0);
  CHECK_EQ(pick(frequency, {{}, {0}}), 0);
  CHECK_EQ(pick(frequency, {{}, {0, 0}}), 1);
  CHECK_EQ(pick(presence, {{0, 0}, {}}), 0);
  CHECK_EQ(pick(presence, {{}, {0}}), 1);
  CHECK_EQ(pick(presence, {{}, {0, 1, 1, 1}}), 0);
}

TEST("NaN and infinity in the logits are reported wherever they stand, minus infinity is not an error") {
  auto rng = make_rng(85);
  const float infinity = std::numeric_limits<float>::infinity();
  for (const std::size_t vocab : {1U, 17U, 300U, 2000U}) {
    for (int i = 0; i < 20; ++i) {
      std::vector<float> logits = random_logits(vocab, 2, rng);
      const std::size_t at = rng() % vocab;
      const SamplingParams params{.temperature = i % 2 == 0 ? 0.0F : 1.0F};
      for (const float bad : {std::nanf(""), infinity}) {
        logits[at] = bad;
        const SampleResult result = sample(logits, {.params = &params});
        CHECK(result.status == SampleStatus::kBadLogits);
        CHECK_EQ(result.token, -1);
      }
      logits[at] = -infinity;
      const SampleResult result = sample(logits, {.params = &params});
      if (vocab == 1) {
        CHECK(result.status == SampleStatus::kBadLogits);
      } else {
        CHECK(result.status == SampleStatus::kOk);
        CHECK(result.token != static_cast<std::int32_t>(at));
      }
    }
  }
}

TEST("a mask that allows nothing is reported, one that allows a single token gives it") {
  const std::vector<float> logits(100, 0.5F);
  for (const float temperature : {0.0F, 1.0F}) {
    const SamplingParams params{.temperature = temperature};
    std::array<std::int32_t, 4> mask{};
    CHECK(sample(logits, {.params = &params, .mask = mask.data()}).status == SampleStatus::kBadMask);
    mask[3] = static_cast<std::int32_t>(0xFFFFFFF0U);  // only ids past the vocabulary
    CHECK(sample(logits, {.params = &params, .mask = mask.data()}).status == SampleStatus::kBadMask);
    mask[2] = 1 << 9;
    CHECK_EQ(sample(logits, {.params = &params, .mask = mask.data()}).token, 73);
    const std::int32_t banned[] = {73};
    CHECK(sample(logits, {.params = &params, .banned = banned, .mask = mask.data()}).status ==
          SampleStatus::kBadMask);
  }
}

TEST("log-probabilities are those of the raw logits, with the best tokens in order") {
  auto rng = make_rng(87);
  for (const std::size_t vocab : {3U, 300U, 20000U}) {
    std::vector<float> logits = random_logits(vocab, 3, rng);
    logits[vocab - 1] = logits[0];  // a tie
    double total = 0;
    for (const float logit : logits) total += std::exp(static_cast<double>(logit));
    std::vector<std::int32_t> order(vocab);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
      return logits[static_cast<std::size_t>(a)] > logits[static_cast<std::size_t>(b)];
    });
    SamplingParams params{
        .temperature = 0.3F, .top_k = 1, .top_logprobs = 5, .bias_ids = {2}, .biases = {100.0F}};
    std::int32_t ids[5];
    float logprobs[5];
    SampleResult result{.top_ids = ids, .top_logprobs = logprobs};
    SampleScratch scratch;
    sample_row(logits, {.params = &params, .want_logprobs = true}, scratch, result);
    CHECK_EQ(result.token, 2);
    CHECK_NEAR(result.logprob, logits[2] - std::log(total), 2e-5);
    const auto check_top = [&] {
      for (std::size_t i = 0; i < 5; ++i) {
        CHECK_EQ(ids[i], i < vocab ? order[i] : -1);
        if (i < vocab)
          CHECK_NEAR(logprobs[i], logits[static_cast<std::size_t>(ids[i])] - std::log(total), 2e-5);
      }
    };
    check_top();
    const float logprob = log_probabilities(logits, 1, 5, ids, logprobs, scratch);
    CHECK_NEAR(logprob, logits[1] - std::log(total), 2e-5);
    check_top();
    logits[0] = std::nanf("");
    CHECK(std::isnan(log_probabilities(logits, 1, 5, ids, logprobs, scratch)));
  }
}

TEST("exp_nonpositive is within 2e-7 of exp, and 0 where that is nothing") {
  for (double x = 0; x > -87; x -= 0.00137) {
    const double exact = std::exp(static_cast<double>(static_cast<float>(x)));
    REQUIRE(std::abs(exp_nonpositive(static_cast<float>(x)) - exact) <= 2e-7 * exact);
  }
  CHECK_EQ(exp_nonpositive(0), 1.0F);
  CHECK_EQ(exp_nonpositive(-88), 0.0F);
  CHECK_EQ(exp_nonpositive(-std::numeric_limits<float>::infinity()), 0.0F);
}

TEST("token counts equal a plain map's, for any mixture of prompt and output") {
  auto rng = make_rng(88);
  for (const std::int32_t vocab : {10, 100000}) {
    TokenCounts counts;
    std::map<std::int32_t, std::pair<int, bool>> expected;
    for (int i = 0; i < 3000; ++i) {
      const auto token = static_cast<std::int32_t>(rng() % static_cast<std::uint64_t>(vocab));
      if (rng() % 3 == 0) {
        counts.add_prompt({&token, 1});
        expected[token].second = true;
      } else {
        counts.add_output(token);
        ++expected[token].first;
      }
    }
    CHECK_EQ(counts.entries().size(), expected.size());
    bool right = true;
    for (const TokenCounts::Entry& entry : counts.entries()) {
      right = right && expected[entry.token] == std::pair(static_cast<int>(entry.in_output), entry.in_prompt);
    }
    CHECK(right);
  }
}
