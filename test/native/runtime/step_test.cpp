#include <chrono>

#include "runtime/tiny_model.hpp"
#include "runtime/unreliable_device.hpp"

namespace millrace::test {
namespace {

using Ids = std::vector<std::int32_t>;
using Statuses = std::vector<RowStatus>;
constexpr auto kRunning = RowStatus::kRunning;
constexpr auto kStop = RowStatus::kStop;
constexpr auto kLength = RowStatus::kLength;
constexpr auto kSkipped = RowStatus::kSkipped;

// Greedy takes `first`, or `second` when that is banned.
SamplingParams prefers(std::int32_t first, std::int32_t second) {
  return {.temperature = 0, .bias_ids = {first, second}, .biases = {2e6F, 1e6F}};
}

Ids numbers(int first, int count) {
  Ids ids;
  for (int i = 0; i < count; ++i) ids.push_back((first + i * 7) % kPoison);
  return ids;
}

// Tokens and statuses of one sequence alone, two steps queued at any time.
void run_alone(TinyRuntime& tiny, Slot slot, int steps, Ids& tokens, Statuses& statuses) {
  tiny.submit({{slot, {1, 2, 3}, 0}});
  for (int i = 1; i <= steps; ++i) {
    if (i < steps) tiny.submit({{slot, {-1}, 2 + i}});
    const TinyResult result = tiny.wait();
    statuses.push_back(result.statuses.at(0));
    for (const std::int32_t token : result.tokens.at(0)) tokens.push_back(token);
  }
}

TEST("a stop id is not sampled before min_tokens, is in the output when it comes, and ends the sequence") {
  TinyRuntime tiny;
  Ids tokens;
  Statuses statuses;
  const Slot slot =
      tiny.open(prefers(7, 9), {.stop_token_ids = {7, 40}, .min_tokens = 2, .max_tokens = 1000});
  run_alone(tiny, slot, 5, tokens, statuses);
  CHECK_EQ(tokens, (Ids{9, 9, 7}));
  CHECK(statuses == Statuses{kRunning, kRunning, kStop, kSkipped, kSkipped});
}

TEST("a sequence ends with its max_tokens-th token, and a stop id there counts as a stop") {
  TinyRuntime tiny;
  Ids tokens;
  Statuses statuses;
  run_alone(tiny, tiny.open(prefers(9, 8), {.stop_token_ids = {7}, .max_tokens = 2}), 3, tokens, statuses);
  CHECK_EQ(tokens, (Ids{9, 9}));
  CHECK(statuses == Statuses{kRunning, kLength, kSkipped});
  tokens.clear();
  statuses.clear();
  run_alone(tiny, tiny.open(prefers(7, 9), {.stop_token_ids = {7}, .min_tokens = 1, .max_tokens = 2}), 3,
            tokens, statuses);
  CHECK_EQ(tokens, (Ids{9, 7}));
  CHECK(statuses == Statuses{kRunning, kStop, kSkipped});
}

TEST(
    "the tokens that a restored sequence had sampled count for min_tokens and max_tokens, and -1 is the "
    "last") {
  TinyRuntime tiny;
  const auto restored = [&](const Ids& output_ids) {
    const Slot slot = tiny.runtime->kv()->open();
    tiny.runtime->open_slot(slot, prefers(7, 9), {.stop_token_ids = {7}, .min_tokens = 2, .max_tokens = 3},
                            {}, output_ids);
    tiny.runtime->kv()->grow(slot, 16);
    return slot;
  };
  const TinyResult result = tiny.step({{restored({9}), {1, 2, 9}, 0}, {restored({9, 9}), {1, 2, 9, 9}, 0}});
  CHECK_EQ(result.tokens.at(0), (Ids{9}));
  CHECK_EQ(result.tokens.at(1), (Ids{7}));
  // The same prompt, its last token once as a number and once as a placeholder.
  const Slot plain = tiny.open(), placeholder = tiny.runtime->kv()->open();
  tiny.runtime->open_slot(placeholder, {.temperature = 0}, {.stop_token_ids = {}, .max_tokens = 10}, {},
                          Ids{5});
  tiny.runtime->kv()->grow(placeholder, 16);
  tiny.step({{plain, {1, 2, 3}, 0, 0}, {placeholder, {1, 2, 3}, 0, 0}});
  const TinyResult last = tiny.step({{plain, {5}, 3}, {placeholder, {-1}, 3}});
  CHECK_EQ(last.tokens.at(0), last.tokens.at(1));
}

TEST("a placeholder with no sampled token to stand for skips its row and no other") {
  TinyRuntime tiny;
  const Slot slot = tiny.open(), other = tiny.open();
  tiny.step({{slot, {1, 2, 3}, 0, 0}});
  const TinyResult result = tiny.step({{slot, {-1}, 3}, {other, {4, 5}, 0}});
  CHECK(result.statuses == Statuses{kSkipped, kRunning});
  CHECK_EQ(result.tokens.at(0).size(), 0);
  CHECK_EQ(result.tokens.at(1).size(), 1);
}

TEST("a step whose rows have all ended runs and gives nothing") {
  TinyRuntime tiny;
  const Slot slot = tiny.open(prefers(7, 9), {.stop_token_ids = {7}, .max_tokens = 10});
  tiny.step({{slot, {1, 2, 3}, 0}});
  const TinyResult result = tiny.step({{slot, {-1}, 3, kSample | kLogprobs | kPromptLogprobs}});
  CHECK_EQ(result.error_code, "");
  CHECK(result.statuses == Statuses{kSkipped});
  CHECK_EQ(result.output.token_starts[1], 0);
}

TEST("rows that gave no token leave no hole: tokens and log-probabilities of the others close up") {
  TinyRuntime tiny;
  const SamplingParams params{.temperature = 0, .top_logprobs = 3};
  const StopRules no_stop{.stop_token_ids = {}, .max_tokens = 10};
  const std::int32_t with_logprobs = kSample | kLogprobs;
  std::vector<TinyResult> alone;
  for (const Ids& prompt : {Ids{1, 2, 3}, Ids{9, 8, 7, 6}}) {
    alone.push_back(tiny.step({{tiny.open(params, no_stop), prompt, 0, with_logprobs}}));
  }

  const Slot ended = tiny.open(prefers(7, 9), {.stop_token_ids = {7}, .max_tokens = 10});
  tiny.step({{ended, {1, 2, 3}, 0}});
  const TinyResult mixed = tiny.step({{tiny.open(params, no_stop), {1, 2, 3}, 0, with_logprobs},
                                      {ended, {-1}, 3, with_logprobs},
                                      {tiny.open(params, no_stop), {kPoison, 2}, 0, with_logprobs},
                                      {tiny.open(params, no_stop), {9, 8, 7, 6}, 0, with_logprobs}});
  CHECK(mixed.statuses == Statuses{kRunning, kSkipped, RowStatus::kBadLogits, kRunning});
  CHECK_EQ(Ids(mixed.output.token_starts.begin(), mixed.output.token_starts.begin() + 5),
           (Ids{0, 1, 1, 1, 2}));
  const std::size_t rows[] = {0, 3};
  for (std::size_t i = 0; i < 2; ++i) {
    const std::size_t at = mixed.place(rows[i]) * TinyRuntime::kMaxLogprobs;
    CHECK_EQ(mixed.tokens[rows[i]], alone[i].tokens[0]);
    CHECK_EQ(mixed.output.logprobs[mixed.place(rows[i])], alone[i].output.logprobs[0]);
    for (std::size_t k = 0; k < 3; ++k) {
      CHECK_EQ(mixed.output.top_ids[at + k], alone[i].output.top_ids[k]);
      CHECK_EQ(mixed.output.top_logprobs[at + k], alone[i].output.top_logprobs[k]);
    }
    CHECK_EQ(mixed.output.top_ids[at], mixed.tokens[rows[i]].at(0));
    CHECK_EQ(mixed.output.top_ids[at + 3], -1);  // past the slot's top-N
  }
}

TEST("a row with bad logits fails alone and its queued row is skipped") {
  TinyRuntime tiny;
  const Slot bad = tiny.open(), good = tiny.open();
  tiny.submit({{bad, {kPoison}, 0}, {good, {1}, 0}});
  tiny.submit({{bad, {-1}, 1}, {good, {-1}, 1}});
  CHECK((tiny.wait().statuses == Statuses{RowStatus::kBadLogits, kRunning}));
  CHECK((tiny.wait().statuses == Statuses{kSkipped, kRunning}));
}

TEST("prompt log-probabilities of chunks are those of the whole prompt, and NaN where no token follows") {
  TinyRuntime tiny;
  const Ids prompt = numbers(3, 40);
  const SamplingParams params{.temperature = 0, .top_logprobs = 2};
  const auto score = [&](const std::vector<std::size_t>& ends, std::vector<float>& logprobs, Ids& top_ids) {
    const Slot slot = tiny.open(params);
    std::size_t start = 0;
    for (const std::size_t end : ends) {
      const Ids tokens(prompt.begin() + static_cast<std::ptrdiff_t>(start),
                       prompt.begin() + static_cast<std::ptrdiff_t>(end));
      // Behind another row, so that places in the batch and in the row differ.
      const TinyResult result = tiny.step({{tiny.open(), {4, 4, 4}, 0},
                                           {slot, tokens, static_cast<std::int32_t>(start), kPromptLogprobs,
                                            end < prompt.size() ? prompt[end] : -1}});
      for (std::size_t i = 3; i < 3 + tokens.size(); ++i) {
        logprobs.push_back(result.output.prompt_logprobs[i]);
        for (std::size_t k = 0; k < TinyRuntime::kMaxLogprobs; ++k)
          top_ids.push_back(result.output.prompt_top_ids[i * TinyRuntime::kMaxLogprobs + k]);
      }
      CHECK(std::isnan(result.output.prompt_logprobs[0]));  // of the row that did not ask
      start = end;
    }
    tiny.runtime->close_slot(slot);
    tiny.runtime->kv()->close(slot);
  };
  std::vector<float> whole, chunks;
  Ids whole_top, chunks_top;
  score({40}, whole, whole_top);
  score({1, 14, 15, 33, 40}, chunks, chunks_top);
  REQUIRE(whole.size() == 40 && chunks.size() == 40);
  for (std::size_t i = 0; i < 39; ++i) {
    CHECK(whole[i] < 0);
    CHECK_EQ(chunks[i], whole[i]);
  }
  CHECK(std::isnan(whole[39]) && std::isnan(chunks[39]));
  CHECK_EQ(chunks_top, whole_top);
  CHECK(whole_top[0] >= 0 && whole_top[1] >= 0);
  CHECK_EQ(whole_top[2], -1);
}

TEST("when a whole step fails, rows of its sequences that are queued are skipped and others run") {
  auto device = std::make_shared<UnreliableDevice>(Registry::instance().device("cpu:0", Isa::kScalar));
  TinyRuntime tiny({device});
  const Slot slot = tiny.open(), other = tiny.open();
  CHECK((tiny.step({{slot, {1, 2, 3}, 0}}).statuses == Statuses{kRunning}));
  device->fail_next_norm();
  tiny.submit({{slot, {-1}, 3}});
  tiny.submit({{slot, {-1}, 4}, {other, {1, 2, 3}, 0}});
  CHECK_EQ(tiny.wait().error_code, "ERR_TEST_DEVICE");
  const TinyResult result = tiny.wait();
  CHECK_EQ(result.error_code, "");
  CHECK(result.statuses == Statuses{kSkipped, kRunning});
}

TEST("a rank that fails does not leave the others waiting, and the next step is right") {
  auto second = std::make_shared<UnreliableDevice>(Registry::instance().device("cpu:1", Isa::kScalar));
  TinyRuntime tiny({Registry::instance().device("cpu:0", Isa::kScalar), second});
  const TinyResult before = tiny.step({{tiny.open(), {1, 2, 3}, 0}});
  second->fail_next_norm();
  CHECK_EQ(tiny.step({{tiny.open(), {1, 2, 3}, 0}}).error_code, "ERR_TEST_DEVICE");
  const TinyResult after = tiny.step({{tiny.open(), {1, 2, 3}, 0}});
  REQUIRE(after.error_code.empty());
  CHECK_EQ(after.tokens.at(0), before.tokens.at(0));
  TinyRuntime one;
  CHECK_EQ(one.step({{one.open(), {1, 2, 3}, 0}}).tokens.at(0), before.tokens.at(0));
}

TEST("a third step is refused while two are out, and a refused step keeps the queued block copies") {
  TinyRuntime tiny;
  KvPool& kv = *tiny.runtime->kv();
  const Ids prompt = numbers(1, 20);
  const Slot alone = tiny.open(), parent = tiny.open();
  tiny.submit({{alone, prompt, 0}});
  tiny.submit({{parent, prompt, 0, 0}});
  CHECK_THROWS_CODE(tiny.submit({{alone, {-1}, 20}}), "ERR_QUEUE_FULL");
  const Ids first = tiny.wait().tokens.at(0);
  tiny.wait();
  const Ids second = tiny.step({{alone, {-1}, 20}}).tokens.at(0);
  REQUIRE(first.size() == 1 && second.size() == 1);

  const Slot child = kv.fork(parent, 19);
  tiny.runtime->open_slot(child, greedy_params(), {.stop_token_ids = {}, .max_tokens = 10}, prompt, {});
  REQUIRE(kv.grow(child, 32));
  CHECK_EQ(kv.stats().copies, 1);
  CHECK_THROWS_CODE(tiny.submit({{child, {prompt[19]}, 5}}), "ERR_INVALID_STEP");
  CHECK_EQ(tiny.step({{child, {prompt[19]}, 19}}).tokens.at(0), first);
  CHECK_EQ(tiny.step({{child, {-1}, 20}}).tokens.at(0), second);
  CHECK_EQ(kv.audit(), "");
}

TEST("rows whose masks never come fail together, after one wait, and the row beside them is not harmed") {
  TinyRuntime tiny;
  const Slot slots[] = {tiny.open(), tiny.open(), tiny.open()};
  const auto start = std::chrono::steady_clock::now();
  const TinyResult result = tiny.step({{slots[0], {1}, 0, kSample | kAwaitMask},
                                       {slots[1], {1}, 0, kSample | kAwaitMask},
                                       {slots[2], {1}, 0}});
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::milliseconds(3500));  // one takes 2 s
  CHECK(result.statuses == Statuses{RowStatus::kBadMask, RowStatus::kBadMask, kRunning});
}

TEST("a runtime that is stopped drops the queued step with a code, and ends a wait for a mask") {
  TinyRuntime tiny;
  const Slot waiting = tiny.open(), other = tiny.open();
  tiny.submit({{waiting, {1}, 0, kSample | kAwaitMask}});
  tiny.submit({{other, {1}, 0}});
  std::this_thread::sleep_for(std::chrono::milliseconds(30));  // so that the first has begun
  const auto start = std::chrono::steady_clock::now();
  tiny.runtime->request_stop();
  tiny.runtime->join();
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::milliseconds(1500));
  const TinyResult first = tiny.wait();  // may have been waiting for its thread still
  CHECK(first.error_code == "ERR_MODEL_DISPOSED" || first.statuses == Statuses{RowStatus::kBadMask});
  CHECK_EQ(tiny.wait().error_code, "ERR_MODEL_DISPOSED");
  CHECK_THROWS_CODE(tiny.submit({{other, {1}, 1}}), "ERR_MODEL_DISPOSED");
}

}  // namespace
}  // namespace millrace::test
