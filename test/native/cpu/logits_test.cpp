#include "cpu/logits.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "cpu/cpu_device.hpp"
#include "harness.hpp"
#include "runtime/sampling.hpp"

namespace {

using namespace millrace;
using namespace millrace::test;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<Isa> vector_isas() {
  std::vector<Isa> isas;
  for (const Isa isa : {Isa::kAvx2, Isa::kAvx512}) {
    if (has_isa(isa)) isas.push_back(isa);
  }
  if (isas.empty()) SKIP("this processor or build has scalar kernels only");
  return isas;
}

std::vector<float> random_run(std::size_t count, std::mt19937_64& rng) {
  std::normal_distribution<float> normal(0, 5);
  std::vector<float> logits(count);
  for (float& logit : logits) {
    logit = normal(rng);
    if (rng() % 5 == 0) logit = std::round(logit);
    if (rng() % 20 == 0) logit = -kInfinity;
    if (rng() % 20 == 0) logit *= 40;
  }
  return logits;
}

}  // namespace

TEST("vector kernels for logits give the bits of the scalar ones, at any length and alignment") {
  auto rng = make_rng(200);
  const LogitKernels& scalar = scalar_logit_kernels();
  for (const Isa isa : vector_isas()) {
    const LogitKernels& vector = logit_kernels_for(isa);
    CHECK(vector.weigh != scalar.weigh);
    for (int i = 0; i < 2000; ++i) {
      const std::vector<float> storage = random_run(rng() % (kRunLogits + 1) + 4, rng);
      const std::size_t offset = rng() % 4;
      const float* logits = storage.data() + offset;
      const auto count = static_cast<std::int64_t>(storage.size() - 4);
      bool bad = false;
      const float best = scalar.max(logits, count, bad);
      CHECK_EQ(vector.max(logits, count, bad), best);
      CHECK(!bad);
      const float level = rng() % 3 == 0 || count == 0 ? -1e30F : logits[rng() % storage.size() % count];
      const float least = std::max(level, std::numeric_limits<float>::lowest());
      const float scale = rng() % 2 == 0 ? 1.0F : 0.7F, peak = count == 0 || best < -1e30F ? 0.0F : best;
      CHECK_EQ(vector.weigh(logits, count, peak, scale, level),
               scalar.weigh(logits, count, peak, scale, level));
      CHECK_EQ(vector.count(logits, count, least), scalar.count(logits, count, least));
      std::vector<std::int32_t> ids(kRunLogits), expected(kRunLogits);
      const std::int64_t found = vector.collect(logits, count, least, 1000, ids.data());
      CHECK_EQ(found, scalar.collect(logits, count, least, 1000, expected.data()));
      CHECK(ids == expected);
    }
  }
}

TEST("vector kernels for logits find NaN and infinity in any place") {
  for (const Isa isa : vector_isas()) {
    for (const std::size_t count : {1U, 15U, 16U, 40U, 256U}) {
      for (std::size_t at = 0; at < count; ++at) {
        for (const float wrong : {std::nanf(""), kInfinity}) {
          std::vector<float> logits(count, -1.0F);
          logits[at] = wrong;
          bool bad = false;
          logit_kernels_for(isa).max(logits.data(), static_cast<std::int64_t>(count), bad);
          if (!bad) CHECK(bad);
        }
      }
    }
    bool bad = false;
    const std::vector<float> fine = {-kInfinity, std::numeric_limits<float>::max(), -0.0F};
    CHECK_EQ(logit_kernels_for(isa).max(fine.data(), 3, bad), std::numeric_limits<float>::max());
    CHECK(!bad);
  }
}

TEST("a seed draws the same tokens with every instruction set") {
  auto rng = make_rng(201);
  std::normal_distribution<float> normal(0, 3);
  std::vector<float> logits(30011);
  for (float& logit : logits) logit = normal(rng);
  std::vector<SamplingParams> all = {{},
                                     {.temperature = 2, .top_p = 0.9F},
                                     {.temperature = 5, .top_p = 0.2F},
                                     {.top_k = 50, .top_p = 0.8F},
                                     {.temperature = 3, .top_k = 9000, .min_p = 0.01F},
                                     {.temperature = 0}};
  for (const Isa isa : vector_isas()) {
    SampleScratch scalar, vector{.kernels = &logit_kernels_for(isa)};
    for (SamplingParams params : all) {
      bool same = true;
      for (int i = 0; i < 40; ++i) {
        params.seed = rng();
        const SampleRow row{.params = &params, .position = i, .want_logprobs = i % 4 == 0};
        SampleResult a, b;
        sample_row(logits, row, scalar, a);
        sample_row(logits, row, vector, b);
        same = same && a.token == b.token && a.logprob == b.logprob && a.status == b.status;
      }
      CHECK(same);
    }
  }
}
