// The whole runtime on the emulated card: it must do what it does on the CPU.
#include "device/answers.hpp"
#include "device/plugin_fixture.hpp"

namespace millrace::test {
namespace {

using Map = std::vector<DeviceMapEntry>;

std::shared_ptr<Device> cpu() {
  return Registry::instance().device("cpu:0", Isa::kScalar);
}

// A card; two stages and two ranks, each on a device of its own on the one card; a stage on either kind.
std::vector<Map> maps_with_cards() {
  return {{{0, 2, {open_card()}}},
          {{0, 1, {open_card()}}, {1, 2, {open_card()}}},
          {{0, 2, {open_card(), open_card()}}},
          {{0, 1, {cpu()}}, {1, 2, {open_card()}}},
          {{0, 1, {open_card()}}, {1, 2, {cpu(), open_card()}}}};
}

const std::vector<Ids> kPrompts = {prompt_of(3, 21), prompt_of(5, 1), prompt_of(9, 16)};

TEST("on every map with cards a model says what it says on the CPU, alone and in batches") {
  TinyRuntime on_cpu;
  const auto expected = answers(on_cpu, kPrompts, 10);
  for (const Map& map : maps_with_cards()) {
    TinyRuntime tiny(map);
    CHECK_EQ(answers(tiny, kPrompts, 10), expected);
    CHECK_EQ(answers(tiny, {kPrompts[1]}, 10), std::vector<Ids>{expected[1]});
  }
}

TEST("prompt log-probabilities and the most likely tokens are those of the CPU") {
  TinyRuntime on_cpu, on_card(Map{{0, 2, {open_card()}}});
  SamplingParams params = greedy_params();
  params.top_logprobs = TinyRuntime::kMaxLogprobs;
  const Ids prompt = prompt_of(2, 40);  // more than there are rows of logits
  constexpr std::int32_t kAll = kSample | kLogprobs | kPromptLogprobs;
  const TinyResult a = on_cpu.step({{on_cpu.open(params), prompt, 0, kAll}});
  const TinyResult b = on_card.step({{on_card.open(params), prompt, 0, kAll}});
  REQUIRE(b.error_code.empty());
  CHECK_EQ(b.tokens, a.tokens);
  CHECK_NEAR(b.output.logprobs[0], a.output.logprobs[0], 1e-4);
  for (std::size_t i = 0; i + 1 < prompt.size(); ++i) {
    CHECK_NEAR(b.output.prompt_logprobs[i], a.output.prompt_logprobs[i], 1e-4);
    for (std::size_t k = i * 4; k < i * 4 + 4; ++k) {
      CHECK_EQ(b.output.prompt_top_ids[k], a.output.prompt_top_ids[k]);
      CHECK_NEAR(b.output.prompt_top_logprobs[k], a.output.prompt_top_logprobs[k], 1e-4);
    }
  }
}

TEST("penalties, biases, banned ids and masks reach the card") {
  TinyRuntime on_cpu, on_card(Map{{0, 2, {open_card()}}});
  const auto run = [](TinyRuntime& tiny) {
    SamplingParams params = greedy_params();
    params.repetition_penalty = 1.7F;
    params.frequency_penalty = 0.4F;
    params.bias_ids.push_back(5);
    params.biases.push_back(0.7F);
    const Slot slot = tiny.open(params, {.stop_token_ids = {3, 12}, .min_tokens = 30, .max_tokens = 50});
    const Slot masked = tiny.open();
    std::vector<Ids> tokens(2);
    for (int step = 0; step < 12; ++step) {
      const std::int32_t word = 0x0F0F0F0F << (step % 3);
      tiny.runtime->set_mask(masked, {word, word});
      const TinyResult result = tiny.step(
          {row_of(slot, prompt_of(4, 5), step), row_of(masked, prompt_of(6, 7), step, kSample | kAwaitMask)});
      REQUIRE(result.error_code.empty());
      for (std::size_t i = 0; i < 2; ++i) tokens[i].push_back(result.tokens.at(i).at(0));
      CHECK((word >> (tokens[1].back() % 32) & 1) != 0);
    }
    return tokens;
  };
  CHECK_EQ(run(on_card), run(on_cpu));
}

TEST("a fork's copied block and a cached prefix give the tokens of a sequence that computed all itself") {
  TinyRuntime tiny(Map{{0, 2, {open_card()}}});
  KvPool& kv = *tiny.runtime->kv();
  const Ids prompt = prompt_of(1, 20);
  const Ids expected = answers(tiny, {prompt}, 3)[0];
  const Slot parent = tiny.open();
  tiny.step({{parent, prompt, 0, 0}});
  const Slot child = kv.fork(parent, 19);
  tiny.runtime->open_slot(child, greedy_params(), {.stop_token_ids = {}, .max_tokens = 10}, prompt, {});
  REQUIRE(kv.grow(child, 32));
  REQUIRE(kv.stats().copies > 0);
  // The parent goes on in the block that was shared.
  const TinyResult first = tiny.step({{child, {prompt[19]}, 19}, {parent, {7}, 20, 0}});
  REQUIRE(first.error_code.empty());
  CHECK_EQ(first.tokens.at(0), Ids{expected[0]});
  CHECK_EQ(tiny.step({{child, {-1}, 20}}).tokens.at(0), Ids{expected[1]});
}

TEST("sequences are swapped out of a card and back while others compute, and keep their tokens") {
  for (const Map& map : maps_with_cards()) {
    TinyRuntime tiny(map, 8);
    KvPool& kv = *tiny.runtime->kv();
    const Ids prompt = prompt_of(3, 21);
    const Ids expected = answers(tiny, {prompt}, 9)[0];
    const Slot slot = tiny.open();
    Ids tokens;
    for (int step = 0; step < 9; ++step) {
      if (step % 3 == 2) {
        REQUIRE(kv.swap_out(slot));
        const Slot other = tiny.open();  // gets the very blocks
        const TinyResult result = tiny.step({{other, Ids(40, 9), 0, 0}});
        REQUIRE(result.error_code.empty());
        close(tiny, other);
        REQUIRE(kv.swap_in(slot));
      }
      const TinyResult result = tiny.step({row_of(slot, prompt, step)});
      REQUIRE(result.error_code.empty());
      tokens.push_back(result.tokens.at(0).at(0));
    }
    CHECK_EQ(tokens, expected);
    CHECK_EQ(kv.audit(), "");
  }
}

TEST("a step waits for the card once, whether it computes a prompt or decodes, is new or is replayed") {
  TinyRuntime tiny(Map{{0, 2, {open_card()}}});
  const Slot slots[] = {tiny.open(), tiny.open()};
  for (int step = 0; step < 6; ++step) {
    const std::int64_t before = gpu::emulated_card().synchronizations;
    const TinyResult result =
        tiny.step({row_of(slots[0], kPrompts[0], step), row_of(slots[1], kPrompts[1], step)});
    REQUIRE(result.error_code.empty());
    CHECK_EQ(gpu::emulated_card().synchronizations - before, 1);
  }
}

TEST(
    "decode steps of one shape are queued, then recorded, then replayed; nothing is launched beside but "
    "sampling") {
  TinyRuntime tiny(Map{{0, 2, {open_card()}}});
  gpu::EmulatedCard& card = gpu::emulated_card();
  std::vector<Slot> slots;
  for (int i = 0; i < 4; ++i) slots.push_back(tiny.open());
  const auto decode = [&](std::size_t count, int step) {
    std::vector<TinyRow> rows;
    for (std::size_t i = 0; i < count; ++i) rows.push_back(row_of(slots[i], {4, 5}, step));
    const TinyResult result = tiny.step(rows);
    REQUIRE(result.error_code.empty());
  };
  decode(4, 0);
  const std::int64_t captures = card.captures, replays = card.replays;
  decode(3, 1);  // filled up to four rows
  CHECK_EQ(card.captures - captures, 0);
  decode(3, 2);
  CHECK_EQ(card.captures - captures, 1);
  CHECK_EQ(card.replays - replays, 1);
  std::int64_t launches = card.launches;
  decode(3, 3);
  CHECK_EQ(card.captures - captures, 1);
  CHECK_EQ(card.replays - replays, 2);
  CHECK(card.launches - launches <= 3);
  // Another shape.
  decode(1, 4);
  CHECK_EQ(card.captures - captures, 1);
  CHECK_EQ(card.replays - replays, 2);
}

TEST("what is replayed gives the tokens of the CPU over many steps and changing batches") {
  auto rng = make_rng(81);
  TinyRuntime on_cpu, on_card(Map{{0, 2, {open_card()}}});
  constexpr int kSteps = 24;
  std::vector<Ids> prompts;
  for (int i = 0; i < 4; ++i) prompts.push_back(prompt_of(i, 1 + static_cast<int>(rng() % 20)));
  std::vector<Ids> expected;
  for (const Ids& prompt : prompts) expected.push_back(answers(on_cpu, {prompt}, kSteps)[0]);
  std::vector<Slot> slots;
  for (int i = 0; i < 4; ++i) slots.push_back(on_card.open());
  std::vector<Ids> tokens(4);
  const std::int64_t replays = gpu::emulated_card().replays;
  for (std::size_t left = 4; left > 0;) {
    std::vector<TinyRow> rows;
    std::vector<std::size_t> who;
    for (std::size_t i = 0; i < 4; ++i) {
      if (tokens[i].size() == kSteps || rng() % 4 == 0) continue;
      rows.push_back(row_of(slots[i], prompts[i], static_cast<int>(tokens[i].size())));
      who.push_back(i);
    }
    if (rows.empty()) continue;
    const TinyResult result = on_card.step(rows);
    REQUIRE(result.error_code.empty());
    for (std::size_t row = 0; row < who.size(); ++row) {
      tokens[who[row]].push_back(result.tokens.at(row).at(0));
      if (tokens[who[row]].size() == kSteps) --left;
    }
  }
  CHECK_EQ(tokens, expected);
  CHECK(gpu::emulated_card().replays - replays > 10);
}

TEST("activations in BF16 and F16 give logits near those of F32") {
  TinyRuntime on_cpu;
  SamplingParams params = greedy_params();
  params.top_logprobs = 1;
  const TinyResult exact = on_cpu.step({{on_cpu.open(params), prompt_of(3, 12), 0, kSample | kLogprobs}});
  for (const auto& [dtype, tolerance] : {std::pair{DType::kF16, 0.05}, std::pair{DType::kBF16, 0.4}}) {
    TinyRuntime tiny(Map{{0, 2, {open_card(dtype)}}}, 0, dtype);
    const TinyResult result = tiny.step({{tiny.open(params), prompt_of(3, 12), 0, kSample | kLogprobs}});
    REQUIRE(result.error_code.empty());
    CHECK_NEAR(result.output.top_logprobs[0], exact.output.top_logprobs[0], tolerance);
    if (dtype == DType::kBF16) continue;
    // Two ranks exchange 16-bit activations by way of the host.
    TinyRuntime ranks(Map{{0, 1, {open_card(dtype), open_card(dtype)}}, {1, 2, {open_card(dtype)}}}, 0,
                      dtype);
    const TinyResult split = ranks.step({{ranks.open(params), prompt_of(3, 12), 0, kSample | kLogprobs}});
    REQUIRE(split.error_code.empty());
    CHECK_NEAR(split.output.top_logprobs[0], exact.output.top_logprobs[0], tolerance);
  }
}

}  // namespace
}  // namespace millrace::test
