#include "kernels/sampling.hpp"
#include "device/sample_row.hpp"

#include <bit>
#include <cmath>
#include <limits>

#include "kernel_fixture.hpp"
#include "plugin/sample_row.hpp"
#include "runtime/sampling_reference.hpp"

namespace millrace::test {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// One row with all that it points to.
struct Case {
  std::vector<float> logits;
  SamplingParams params;
  History history;
  TokenCounts counts;
  std::vector<std::int32_t> banned, mask;
  std::int64_t position = 0;
  bool want_logprobs = false;

  [[nodiscard]] SampleRow row() const {
    return {.params = &params,
            .counts = &counts,
            .banned = banned,
            .mask = mask.empty() ? nullptr : mask.data(),
            .position = position,
            .want_logprobs = want_logprobs};
  }
};

struct Outcome {
  SampleStatus status = SampleStatus::kOk;
  std::int32_t token = -1;
  float logprob = 0;
  std::vector<std::int32_t> top_ids;
  std::vector<float> top_logprobs;
};

constexpr int kTopStride = 24;

template <typename T, typename U>
std::int32_t append(std::vector<T>& to, const U& values) {
  const auto start = static_cast<std::int32_t>(to.size());
  to.insert(to.end(), values.begin(), values.end());
  return start;
}

// By the card, all rows in one launch.
std::vector<Outcome> sample_on_card(const std::vector<Case>& cases) {
  const auto rows = static_cast<int>(cases.size()), vocab = static_cast<int>(cases[0].logits.size());
  const int stride = vocab + 3;
  std::vector<float> logits(static_cast<std::size_t>(rows * stride), std::nanf(""));
  std::vector<gpu::CardSampleRow> card_rows;
  std::vector<gpu::CardTokenCount> counts;
  std::vector<std::int32_t> bias_ids, banned, masks;
  std::vector<float> biases;
  std::int32_t slots = 0;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const Case& of = cases[i];
    std::copy(of.logits.begin(), of.logits.end(), logits.begin() + static_cast<std::ptrdiff_t>(i) * stride);
    gpu::CardSampleRow row = gpu::card_sample_row(to_c(of.row()));
    row.counts_start = static_cast<std::int32_t>(counts.size());
    for (const TokenCounts::Entry& entry : of.counts.entries())
      counts.push_back({entry.token, entry.in_output});
    row.biases_start = append(bias_ids, of.params.bias_ids);
    append(biases, of.params.biases);
    row.banned_start = append(banned, of.banned);
    if (!of.mask.empty()) row.mask_start = append(masks, of.mask);
    if (gpu::keeps_logits(row)) row.score_slot = slots++;
    card_rows.push_back(row);
  }
  REQUIRE(slots <= gpu::kMostScoreRows);
  const auto card = [](const auto& values) { return CardArray(std::span(values)); };
  const auto card_logits = card(std::as_const(logits));
  const auto sample_rows = card(std::as_const(card_rows));
  const auto card_counts = card(std::as_const(counts));
  const auto card_bias_ids = card(std::as_const(bias_ids)), card_banned = card(std::as_const(banned)),
             card_masks = card(std::as_const(masks));
  const auto card_biases = card(std::as_const(biases));
  const CardArray<gpu::CardSampleResult> results(rows);
  const CardArray<std::int32_t> top_ids(rows * kTopStride);
  const CardArray<float> top_logprobs(rows * kTopStride);
  const CardArray<std::byte> workspace(gpu::sample_workspace_bytes(rows, vocab));
  gpu::Stream stream;
  gpu::launch_sample(stream, {.logits = card_logits.data(),
                              .stride = stride,
                              .rows = rows,
                              .vocab = vocab,
                              .sample_rows = sample_rows.data(),
                              .counts = card_counts.data(),
                              .bias_ids = card_bias_ids.data(),
                              .biases = card_biases.data(),
                              .banned = card_banned.data(),
                              .masks = card_masks.data(),
                              .results = results.data(),
                              .top_ids = top_ids.data(),
                              .top_logprobs = top_logprobs.data(),
                              .top_stride = kTopStride,
                              .workspace = workspace.data()});
  stream.synchronize();
  std::vector<Outcome> outcomes;
  const auto ids = top_ids.values();
  const auto logprobs = top_logprobs.values();
  for (int i = 0; i < rows; ++i) {
    const gpu::CardSampleResult result = results.values()[static_cast<std::size_t>(i)];
    const auto top = static_cast<std::ptrdiff_t>(cases[static_cast<std::size_t>(i)].want_logprobs
                                                     ? cases[static_cast<std::size_t>(i)].params.top_logprobs
                                                     : 0);
    const auto first = static_cast<std::ptrdiff_t>(i) * kTopStride;
    outcomes.push_back({static_cast<SampleStatus>(result.status),
                        result.token,
                        result.logprob,
                        {ids.begin() + first, ids.begin() + first + top},
                        {logprobs.begin() + first, logprobs.begin() + first + top}});
  }
  return outcomes;
}

Outcome sample_by_cpu(const Case& of) {
  static SampleScratch scratch;
  Outcome outcome;
  const auto top = static_cast<std::size_t>(of.want_logprobs ? of.params.top_logprobs : 0);
  outcome.top_ids.assign(top, 0);
  outcome.top_logprobs.assign(top, 0);
  SampleResult result{.top_ids = outcome.top_ids.data(), .top_logprobs = outcome.top_logprobs.data()};
  sample_row(of.logits, of.row(), scratch, result);
  outcome.status = result.status;
  outcome.token = result.token;
  outcome.logprob = result.logprob;
  return outcome;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](float x, float y) {
           return std::bit_cast<std::uint32_t>(x) == std::bit_cast<std::uint32_t>(y);
         });
}

void check_cases(const std::vector<Case>& cases) {
  const std::vector<Outcome> card = sample_on_card(cases);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const Outcome cpu = sample_by_cpu(cases[i]);
    CHECK(card[i].status == cpu.status);
    CHECK_EQ(card[i].token, cpu.token);
    CHECK(same_bits({card[i].logprob}, {cpu.logprob}));
    if (cpu.status == SampleStatus::kBadLogits) continue;  // then the CPU may not have written them
    CHECK(card[i].top_ids == cpu.top_ids);
    CHECK(same_bits(card[i].top_logprobs, cpu.top_logprobs));
  }
}

template <typename T>
T one_of(std::mt19937_64& rng, std::initializer_list<T> values) {
  return values.begin()[rng() % values.size()];
}

void set_any_order(std::mt19937_64& rng) {
  emulation::set_fiber_order(one_of(rng, {emulation::FiberOrder::kForward, emulation::FiberOrder::kBackward,
                                          emulation::FiberOrder::kShuffled}),
                             rng());
}

std::vector<float> awkward_logits(int vocab, std::mt19937_64& rng) {
  std::vector<float> logits =
      random_logits(static_cast<std::size_t>(vocab), one_of(rng, {0.01, 1.0, 3.0, 30.0}), rng);
  const auto some = [&] { return &logits[rng() % logits.size()]; };
  switch (rng() % 6) {
    case 0:  // many equal ones, 0 and -0 among them
      for (float& logit : logits) logit = std::round(logit);
      break;
    case 1:
      std::fill(logits.begin(), logits.end(), 1.5F);
      break;
    case 2:
      for (float& logit : logits) logit = rng() % 3 == 0 ? logit : -kInfinity;
      break;
    case 3:
      if (rng() % 3 == 0) *some() = one_of(rng, {std::nanf(""), kInfinity, -kInfinity});
      break;
    default:
      break;
  }
  return logits;
}

Case random_case(int vocab, std::mt19937_64& rng) {
  const auto token = [&] { return static_cast<std::int32_t>(rng() % static_cast<unsigned>(vocab)); };
  const auto seldom = [&] { return rng() % 4 == 0; };
  Case of;
  of.logits = awkward_logits(vocab, rng);
  SamplingParams& params = of.params;
  params.temperature = one_of(rng, {0.0F, 0.3F, 0.7F, 1.0F, 1.0F, 2.5F, 1e-4F, 1e4F});
  params.top_k = one_of(rng, {0, 0, 1, 2, 20, 50, 700, vocab - 1, vocab, vocab + 9});
  params.top_p = one_of(rng, {1.0F, 1.0F, 0.95F, 0.8F, 0.3F, 1e-5F});
  params.min_p = one_of(rng, {0.0F, 0.0F, 0.01F, 0.5F, 1.0F});
  params.seed = rng();
  of.position = static_cast<std::int64_t>(rng() % 100000);
  of.want_logprobs = rng() % 3 == 0;
  params.top_logprobs = one_of(rng, {0, 1, 5, 20});
  if (seldom()) {
    params.repetition_penalty = one_of(rng, {1.0F, 1.3F});
    params.frequency_penalty = one_of(rng, {0.0F, 0.4F, -0.7F});
    params.presence_penalty = one_of(rng, {0.0F, 0.9F});
    for (int n = 0; n < 300; ++n) (n % 3 == 0 ? of.history.prompt : of.history.output).push_back(token());
    of.counts = count(of.history);
  }
  if (seldom()) {
    for (int n = 0; n < 40; ++n) {
      params.bias_ids.push_back(n % 4 == 0 && n > 0 ? params.bias_ids[static_cast<std::size_t>(n - 1)]
                                                    : token());
      params.biases.push_back(one_of(rng, {0.3F, 7.7F, -100.0F, 0.001F}));
    }
  }
  if (seldom()) of.banned = {token(), token(), token(), vocab + 5, -1};
  if (seldom()) {
    of.mask.resize(static_cast<std::size_t>(vocab + 31) / 32);
    const bool nothing = seldom();
    for (std::int32_t& word : of.mask) word = nothing ? 0 : static_cast<std::int32_t>(rng() & rng());
  }
  return of;
}

}  // namespace

TEST("the CUDA sampler gives the tokens, statuses and log-probabilities of the CPU's, bit for bit") {
  auto rng = make_rng(910);
  for (int i = 0; i < 300; ++i) {
    const int vocab = one_of(rng, {1, 2, 31, 255, 256, 257, 1000, 4096, 4097, 9001});
    std::vector<Case> cases;
    for (unsigned n = 1 + rng() % 4; n > 0; --n) cases.push_back(random_case(vocab, rng));
    set_any_order(rng);
    check_cases(cases);
  }
  emulation::set_fiber_order(emulation::FiberOrder::kForward);
}

TEST("the CUDA sampler draws from a vocabulary of usual size as the CPU's does, in every order of threads") {
  auto rng = make_rng(911);
  constexpr int kVocab = 151936;
  std::vector<Case> cases(2);
  for (Case& of : cases) {
    of.logits = random_logits(kVocab, 2, rng);
    of.params = {.temperature = 1.1F, .seed = rng()};
    of.want_logprobs = true;
  }
  cases[0].params.top_p = 0.9F;
  cases[1].params.top_k = 40;
  cases[1].params.top_logprobs = 20;
  in_every_order([&] { check_cases(cases); });
}

TEST("the CUDA sampler draws many times from one row as the CPU's does") {
  auto rng = make_rng(912);
  const std::vector<float> logits = random_logits(700, 1.5, rng);
  for (const bool whole : {true, false}) {
    std::vector<Case> cases(500);
    for (std::size_t i = 0; i < cases.size(); ++i) {
      cases[i].logits = logits;
      cases[i].params.seed = 5;
      if (!whole) cases[i].params.top_p = 0.6F;
      cases[i].position = static_cast<std::int64_t>(i);
    }
    check_cases(cases);
  }
}

TEST("the CUDA sampler needs each of its barriers") {
  check_every_barrier_matters(
      [] {
        std::mt19937_64 rng(914);
        std::vector<Case> cases(8);
        for (Case& of : cases) {
          of.logits = random_logits(5000, 1, rng);
          of.params = {.temperature = 1, .seed = rng()};
          of.want_logprobs = true;
          of.params.top_logprobs = 4;
        }
        for (float& logit : cases[0].logits) logit = std::round(logit);
        cases[0].params.top_k = 9;
        cases[1].params.top_k = 300;
        cases[1].params.top_p = 0.5F;
        cases[2].params.top_p = 0.2F;
        cases[3].params.min_p = 0.1F;
        cases[3].params.top_p = 0.9F;
        // Penalties, and bans, of what has a bias: each by another thread than the bias, and most decide.
        for (std::size_t i = 4; i < 6; ++i) {
          SamplingParams& params = cases[i].params;
          params.temperature = 0;
          for (std::int32_t id = 0; id < 5000; id += 7) {
            params.bias_ids.push_back(id);
            params.biases.push_back(20);
          }
        }
        cases[4].params.repetition_penalty = 3;
        for (std::int32_t id = 4998; id >= 0; --id) {
          cases[4].history.output.push_back(id);
          if (id % 14 == 0) cases[5].banned.push_back(id);
        }
        cases[4].counts = count(cases[4].history);
        // The penalties' read and write of a score may not be parted by a ban; the emulation never parts
        // them.
        std::vector<std::int32_t> numbers;
        std::vector<float> logprobs;
        for (const Outcome& outcome : sample_on_card(cases)) {
          numbers.push_back(static_cast<std::int32_t>(outcome.status));
          numbers.push_back(outcome.token);
          append(numbers, outcome.top_ids);
          logprobs.push_back(outcome.logprob);
          append(logprobs, outcome.top_logprobs);
        }
        return bytes_of(numbers, logprobs);
      },
      {"scan_logits 3"});
}

TEST("log-probabilities of prompt tokens by CUDA are the CPU's, bit for bit") {
  auto rng = make_rng(913);
  for (int i = 0; i < 60; ++i) {
    const int vocab = one_of(rng, {1, 15, 256, 300, 5000}), rows = 1 + static_cast<int>(rng() % 4);
    const int top = one_of(rng, {0, 1, 20}), stride = top + 2;
    set_any_order(rng);
    std::vector<float> logits;
    std::vector<std::int32_t> targets;
    for (int row = 0; row < rows; ++row) {
      append(logits, awkward_logits(vocab, rng));
      targets.push_back(static_cast<std::int32_t>(rng() % static_cast<unsigned>(vocab)));
    }
    const CardArray<float> card_logits{std::span<const float>(logits)};
    const CardArray<std::int32_t> card_targets{std::span<const std::int32_t>(targets)};
    const CardArray<float> logprobs(rows), top_logprobs(rows * stride);
    const CardArray<std::int32_t> top_ids(rows * stride);
    const CardArray<std::byte> workspace(gpu::log_prob_workspace_bytes(rows, vocab));
    gpu::Stream stream;
    gpu::launch_log_probs(stream,
                          {card_logits.data(), vocab, rows, vocab, card_targets.data(), top, logprobs.data(),
                           top_ids.data(), top_logprobs.data(), stride, workspace.data()});
    stream.synchronize();
    SampleScratch scratch;
    for (int row = 0; row < rows; ++row) {
      const auto at = static_cast<std::size_t>(row);
      std::vector<std::int32_t> ids(static_cast<std::size_t>(top));
      std::vector<float> best(static_cast<std::size_t>(top));
      const float expected =
          log_probabilities({&logits[at * static_cast<std::size_t>(vocab)], static_cast<std::size_t>(vocab)},
                            targets[at], top, ids.data(), best.data(), scratch);
      const auto card_ids = top_ids.values();
      const auto card_best = top_logprobs.values();
      const auto first = static_cast<std::ptrdiff_t>(row) * stride;
      const float logprob = logprobs.values()[at];
      CHECK(std::isnan(expected) ? std::isnan(logprob) : same_bits({logprob}, {expected}));
      CHECK(std::vector<std::int32_t>(card_ids.begin() + first, card_ids.begin() + first + top) == ids);
      CHECK(same_bits({card_best.begin() + first, card_best.begin() + first + top}, best));
    }
  }
  emulation::set_fiber_order(emulation::FiberOrder::kForward);
}

TEST("the CUDA sampler of no rows does nothing") {
  gpu::Stream stream;
  gpu::launch_sample(stream, {});
  gpu::launch_log_probs(stream, {});
  CHECK_EQ(gpu::sample_workspace_bytes(0, 1000), 0);
}

}  // namespace millrace::test
