// KV that leaves the device and comes back: the bits of a sequence that was swapped out are those of one that
// was not.
#include <map>

#include "runtime/tiny_model.hpp"
#include "runtime/unreliable_device.hpp"

namespace millrace::test {
namespace {

using Ids = std::vector<std::int32_t>;
constexpr std::int32_t kOutputs = kSample | kLogprobs;

std::shared_ptr<Device> cpu(const char* name) {
  return Registry::instance().device(name, Isa::kScalar);
}

// One stage, two stages, and two ranks of one stage.
std::vector<std::vector<DeviceMapEntry>> device_maps() {
  return {{{0, 2, {cpu("cpu:0")}}},
          {{0, 1, {cpu("cpu:0")}}, {1, 2, {cpu("cpu:1")}}},
          {{0, 2, {cpu("cpu:0"), cpu("cpu:1")}}}};
}

Ids prompt_of(int first) {
  Ids ids;
  for (int i = 0; i < 21; ++i) ids.push_back((first + i * 7) % kPoison);
  return ids;
}

// A token with all that says how it was chosen.
struct Choice {
  std::int32_t token;
  std::vector<float> logprobs;
  bool operator==(const Choice&) const = default;
};

Choice choice_of(const TinyResult& result, std::size_t row) {
  REQUIRE(result.error_code.empty() && result.statuses.at(row) == RowStatus::kRunning);
  const std::size_t at = result.place(row) * TinyRuntime::kMaxLogprobs;
  const auto first = result.output.top_logprobs.begin() + static_cast<std::ptrdiff_t>(at);
  return {result.tokens.at(row).at(0), {first, first + TinyRuntime::kMaxLogprobs}};
}

Slot open(TinyRuntime& tiny) {
  SamplingParams params = greedy_params();
  params.top_logprobs = TinyRuntime::kMaxLogprobs;
  return tiny.open(std::move(params));
}

// The step after `choices.size()` tokens of that sequence.
TinyRow next_row(Slot slot, const Ids& prompt, const std::vector<Choice>& choices) {
  if (choices.empty()) return {slot, prompt, 0, kOutputs};
  return {slot, {-1}, static_cast<std::int32_t>(prompt.size() + choices.size() - 1), kOutputs};
}

std::vector<Choice> run(TinyRuntime& tiny, Slot slot, const Ids& prompt, std::vector<Choice> choices,
                        std::size_t count) {
  while (choices.size() < count)
    choices.push_back(choice_of(tiny.step({next_row(slot, prompt, choices)}), 0));
  return choices;
}

void close(TinyRuntime& tiny, Slot slot) {
  tiny.runtime->close_slot(slot);
  tiny.runtime->kv()->close(slot);
}

// Sequences of 48 tokens write into every block that is free.
void overwrite_free_blocks(TinyRuntime& tiny) {
  std::vector<Slot> slots;
  while (tiny.runtime->kv()->stats().free_blocks >= 3) slots.push_back(tiny.open());
  REQUIRE(slots.size() >= 2);
  for (const Slot slot : slots) {
    tiny.step({{slot, Ids(24, 5), 0, 0}});
    tiny.step({{slot, Ids(24, 6), 24, 0}});
  }
  for (const Slot slot : slots) close(tiny, slot);
}

TEST("a sequence that was swapped out goes on with the same bits, whatever became of its blocks") {
  for (const auto& map : device_maps()) {
    TinyRuntime tiny(map, 8);
    KvPool& kv = *tiny.runtime->kv();
    const Ids prompt = prompt_of(3);
    const auto expected = run(tiny, open(tiny), prompt, {}, 12);
    const Slot slot = open(tiny);
    const auto before = run(tiny, slot, prompt, {}, 5);
    REQUIRE(kv.swap_out(slot));
    overwrite_free_blocks(tiny);
    REQUIRE(kv.swap_in(slot));
    CHECK(run(tiny, slot, prompt, before, 12) == expected);
    CHECK_EQ(kv.audit(), "");
  }
}

TEST("a block that is swapped out holds what the steps queued before have written") {
  TinyRuntime tiny(device_maps()[1], 8);
  KvPool& kv = *tiny.runtime->kv();
  const Ids prompt = prompt_of(4);
  const auto expected = run(tiny, open(tiny), prompt, {}, 3);
  const Slot slot = open(tiny);
  tiny.submit({next_row(slot, prompt, {})});
  REQUIRE(kv.swap_out(slot));
  const Slot other = tiny.open();  // gets the very blocks
  tiny.submit({{other, Ids(40, 9), 0, 0}});
  std::vector<Choice> choices{choice_of(tiny.wait(), 0)};
  tiny.wait();
  REQUIRE(kv.swap_in(slot));
  CHECK(run(tiny, slot, prompt, choices, 3) == expected);
}

TEST("sequences that go out and come back at random moments keep their bits") {
  auto rng = make_rng(11);
  const auto draw = [&](int count) { return static_cast<int>(rng() % static_cast<unsigned>(count)); };
  constexpr std::size_t kTokens = 20;
  for (const auto& map : device_maps()) {
    // Room for three of the six sequences in the pool, for four in the host tier.
    TinyRuntime tiny(map, 12);
    KvPool& kv = *tiny.runtime->kv();
    std::vector<std::vector<Choice>> expected;
    for (int i = 0; i < 6; ++i) {
      const Slot alone = open(tiny);
      expected.push_back(run(tiny, alone, prompt_of(i), {}, kTokens));
      close(tiny, alone);
    }
    const Slot filler = kv.open();
    REQUIRE(kv.grow(filler, 23 * 16));
    std::vector<Slot> slots;
    for (int i = 0; i < 6; ++i) {
      slots.push_back(open(tiny));
      if (i < 3) REQUIRE(kv.swap_out(slots.back()));
    }
    std::vector<std::vector<Choice>> choices(6);
    int swaps = 0;
    for (std::size_t left = 6; left > 0;) {
      const Slot slot = slots[static_cast<std::size_t>(draw(6))];
      if (kv.is_open(slot)) swaps += kv.is_swapped(slot) ? kv.swap_in(slot) : kv.swap_out(slot);
      if (draw(2) == 0) continue;
      std::vector<TinyRow> rows;
      std::vector<std::size_t> who;
      for (std::size_t i = 0; i < 6 && rows.size() < 2; ++i) {
        const std::size_t chosen = (i + static_cast<std::size_t>(swaps)) % 6;
        if (!kv.is_open(slots[chosen]) || kv.is_swapped(slots[chosen])) continue;
        rows.push_back(next_row(slots[chosen], prompt_of(static_cast<int>(chosen)), choices[chosen]));
        who.push_back(chosen);
      }
      if (rows.empty()) continue;
      const TinyResult result = tiny.step(rows);
      for (std::size_t row = 0; row < who.size(); ++row) {
        auto& of = choices[who[row]];
        of.push_back(choice_of(result, row));
        if (of.size() < kTokens) continue;
        close(tiny, slots[who[row]]);
        --left;
      }
      REQUIRE(kv.audit().empty());
    }
    CHECK(choices == expected);
    CHECK(swaps > 20);
  }
}

TEST("a copy to the host that fails fails its step, and is made up for in the next one") {
  auto device = std::make_shared<UnreliableDevice>(cpu("cpu:0"));
  TinyRuntime tiny({{0, 2, {device}}}, 8);
  KvPool& kv = *tiny.runtime->kv();
  const Ids prompt = prompt_of(3);
  const auto expected = run(tiny, open(tiny), prompt, {}, 6);
  const Slot slot = open(tiny), victim = tiny.open();
  const auto before = run(tiny, slot, prompt, {}, 3);
  REQUIRE(kv.swap_out(slot));
  device->fail_copies_out_after(1);  // the first layer's is done
  CHECK_EQ(tiny.step({{victim, {1}, 0}}).error_code, "ERR_TEST_DEVICE");
  device->fail_copies_out_after(-1);
  overwrite_free_blocks(tiny);
  REQUIRE(kv.swap_in(slot));
  CHECK(run(tiny, slot, prompt, before, 6) == expected);
}

TEST("a step with a row of a swapped-out slot is refused") {
  TinyRuntime tiny(device_maps()[0], 8);
  const Slot slot = open(tiny);
  const auto before = run(tiny, slot, prompt_of(1), {}, 1);
  REQUIRE(tiny.runtime->kv()->swap_out(slot));
  const std::string message =
      CHECK_THROWS_CODE(tiny.submit({next_row(slot, prompt_of(1), before)}), "ERR_INVALID_STEP");
  CHECK_CONTAINS(message, "swapped out");
}

TEST("memory of the host tier is counted beside the cache's, and there is none without host blocks") {
  TinyRuntime with(device_maps()[2], 8), without(device_maps()[2]);
  CHECK_EQ(with.runtime->kv_host_bytes() * 4, with.runtime->kv_bytes());  // 8 blocks of 32
  CHECK_EQ(without.runtime->kv_host_bytes(), 0);
  const Slot slot = without.open();
  CHECK(!without.runtime->kv()->swap_out(slot));
}

}  // namespace
}  // namespace millrace::test
