// Models over several cards: layers one after the other, and each layer split over two.
#include "device/answers.hpp"
#include "device/plugin_fixture.hpp"

namespace millrace::test {
namespace {

using Map = std::vector<DeviceMapEntry>;

std::shared_ptr<Device> card(int index, DType activations = DType::kF32) {
  return open_card(activations, index);
}

const std::vector<Ids> kPrompts = {prompt_of(3, 21), prompt_of(5, 1), prompt_of(9, 16)};

TEST("layers over several cards say what they say on the CPU, each in its own card's memory") {
  const SeveralCards cards(3);
  TinyRuntime on_cpu;
  const auto expected = answers(on_cpu, kPrompts, 8);
  for (const auto& [first, second] : {std::pair{0, 1}, std::pair{2, 0}}) {
    gpu::EmulatedCard &from = gpu::emulated_card(first), &to = gpu::emulated_card(second);
    const std::int64_t from_bytes = from.used_bytes, to_bytes = to.used_bytes;
    const std::int64_t copies = to.copies_from_others, waits = from.synchronizations + to.synchronizations;
    {
      TinyRuntime tiny(Map{{0, 1, {card(first)}}, {1, 2, {card(second)}}});
      CHECK(from.used_bytes > from_bytes && to.used_bytes > to_bytes);
      const std::int64_t loaded = from.synchronizations + to.synchronizations;
      CHECK(loaded >= waits);
      CHECK_EQ(answers(tiny, kPrompts, 8), expected);
      CHECK_EQ(to.copies_from_others - copies, 8);                         // one for each step
      CHECK_EQ(from.synchronizations + to.synchronizations - loaded, 16);  // each card once for each step
    }
    CHECK_EQ(from.used_bytes, from_bytes);
    CHECK_EQ(to.used_bytes, to_bytes);
  }
}

TEST("two cards that split layers, and pairs of cards one after the other, say what they say on the CPU") {
  const SeveralCards cards(4);
  TinyRuntime on_cpu;
  const auto expected = answers(on_cpu, kPrompts, 8);
  for (const Map& map :
       {Map{{0, 2, {card(0), card(1)}}}, Map{{0, 1, {card(0), card(1)}}, {1, 2, {card(2), card(3)}}},
        Map{{0, 1, {card(1)}}, {1, 2, {card(1), card(0)}}}}) {
    TinyRuntime tiny(map);
    CHECK_EQ(answers(tiny, kPrompts, 8), expected);
    CHECK_EQ(answers(tiny, {kPrompts[1]}, 8), std::vector<Ids>{expected[1]});
  }
}

TEST("a card that has no room for its part refuses the load by its own name, and all cards get theirs back") {
  const SeveralCards cards(2);
  const Map map{{0, 1, {card(0)}}, {1, 2, {card(1)}}};
  gpu::EmulatedCard &first = gpu::emulated_card(0), &second = gpu::emulated_card(1);
  const std::int64_t first_bytes = first.used_bytes, second_bytes = second.used_bytes;
  const std::int64_t total = std::exchange(second.total_bytes, second_bytes + 30000);
  const std::string message = CHECK_THROWS_CODE(TinyRuntime{map}, "ERR_OUT_OF_MEMORY");
  second.total_bytes = total;
  CHECK_CONTAINS(message, "cuda:1: ");
  CHECK_EQ(first.used_bytes, first_bytes);
  CHECK_EQ(second.used_bytes, second_bytes);
}

TEST("a card that is lost fails the step, whichever of the cards it is, and the other one is not named") {
  for (const int lost : {0, 1}) {
    const SeveralCards cards(2);
    const Plugin plugin(millrace_device_plugin());
    {
      TinyRuntime tiny(
          Map{{0, 1, {plugin.open(0, DType::kF32, 1)}}, {1, 2, {plugin.open(1, DType::kF32, 1)}}});
      const Slot slot = tiny.open();
      REQUIRE(tiny.step({{slot, {1, 2, 3}, 0}}).error_code.empty());
      gpu::emulated_card(lost).is_lost = true;
      CHECK_EQ(tiny.step({{slot, {-1}, 3}}).error_code, "ERR_DEVICE_LOST");
      CHECK_CONTAINS(plugin.list().at(static_cast<std::size_t>(lost)).reason, "lost");
      CHECK_EQ(plugin.list().at(static_cast<std::size_t>(1 - lost)).reason, "");
    }
    gpu::emulated_card(lost).is_lost = false;
  }
}

}  // namespace
}  // namespace millrace::test
