// Cards that sum among themselves, on an NCCL that sums on the CPU.
#include <thread>

#include "core/error.hpp"
#include "device/answers.hpp"
#include "device/fake_nccl.hpp"
#include "device/plugin_fixture.hpp"
#include "runtime/device_group.hpp"

namespace millrace::test {
namespace {

using Map = std::vector<DeviceMapEntry>;
using Devices = std::vector<std::shared_ptr<Device>>;

// Four cards, with the fake NCCL. Forgets lost cards when it goes.
struct Machine {
  SeveralCards cards{4};
  Plugin plugin{millrace_device_plugin()};
  GroupOptions groups{.nccl = kFakeNccl};

  ~Machine() {
    for (int card = 0; card < 4; ++card) gpu::emulated_card(card).is_lost = false;
  }
  [[nodiscard]] std::shared_ptr<Device> open(int card, DType activations = DType::kF32) const {
    return plugin.open(card, activations, 1, groups);
  }
  [[nodiscard]] Map split(DType activations = DType::kF32) const {
    return {{0, 2, {open(0, activations), open(1, activations)}}};
  }
  [[nodiscard]] Map two_by_two() const { return {{0, 1, {open(0), open(1)}}, {1, 2, {open(2), open(3)}}}; }
};

std::shared_ptr<Device> cpu(const char* name) {
  return Registry::instance().device(name, Isa::kScalar);
}

std::unique_ptr<DeviceGroup> group_of(const Devices& devices, std::string& reason) {
  std::vector<Device*> members;
  members.reserve(devices.size());
  for (const auto& device : devices) members.push_back(device.get());
  return dynamic_cast<GroupingDevice&>(*members.front()).try_group(members, reason);
}

// The code with which a member's sum ends; empty when it is queued.
std::string outcome(DeviceGroup& group, int member, const Tensor& tensor) {
  try {
    group.all_reduce(member, tensor);
    return "";
  } catch (const Error& error) {
    return error.code();
  }
}

const std::vector<Ids> kPrompts = {prompt_of(3, 21), prompt_of(5, 1), prompt_of(9, 16)};

TEST("layers split over two cards, and over two pairs of them, say what one card and two CPUs say") {
  {
    const Machine machine;
    TinyRuntime alone(Map{{0, 2, {machine.open(0)}}});
    TinyRuntime cpus(Map{{0, 2, {cpu("cpu:0"), cpu("cpu:1")}}});
    CHECK_EQ(alone.runtime->exchange() + cpus.runtime->exchange(), "");
    const auto expected = answers(cpus, kPrompts, 8);
    CHECK_EQ(answers(alone, kPrompts, 8), expected);
    for (const bool pairs : {false, true}) {
      TinyRuntime tiny(pairs ? machine.two_by_two() : machine.split());
      CHECK_EQ(tiny.runtime->exchange(), pairs ? "cuda:0+cuda:1 by NCCL 2.23.4; cuda:2+cuda:3 by NCCL 2.23.4"
                                               : "cuda:0+cuda:1 by NCCL 2.23.4");
      const int sums = nccl_sums();
      const auto waits = [] {
        std::int64_t all = 0;
        for (int card = 0; card < 4; ++card) all += gpu::emulated_card(card).synchronizations;
        return all;
      };
      const std::int64_t before = waits();
      CHECK_EQ(answers(tiny, kPrompts, 8), expected);
      CHECK_EQ(nccl_sums() - sums, 8 * 2 * 2);          // two for each layer of each step
      CHECK_EQ(waits() - before, 8 * (pairs ? 4 : 2));  // the host waits for each card once for each step
      CHECK_EQ(answers(tiny, {kPrompts[1]}, 8), std::vector<Ids>{expected[1]});
    }
  }
  CHECK_EQ(nccl_leaks(), 0);
}

TEST("two cards that sum in 16 bits have the bits of the sum by way of the host") {
  Machine machine;
  SamplingParams params = greedy_params();
  params.top_logprobs = TinyRuntime::kMaxLogprobs;
  constexpr std::int32_t kAll = kSample | kLogprobs | kPromptLogprobs;
  for (const DType dtype : {DType::kBF16, DType::kF16}) {
    const auto run = [&](bool by_nccl) {
      machine.groups.allowed = by_nccl;
      TinyRuntime tiny(machine.split(dtype), 0, dtype);
      CHECK_CONTAINS(tiny.runtime->exchange(), by_nccl ? "by NCCL" : "way of the host (--nccl is off)");
      const TinyResult result = tiny.step({{tiny.open(params), prompt_of(3, 12), 0, kAll}});
      REQUIRE(result.error_code.empty());
      auto all = result.output.prompt_logprobs;
      all.resize(11);
      all.insert(all.end(), result.output.top_logprobs.begin(), result.output.top_logprobs.begin() + 4);
      return all;
    };
    CHECK(run(true) == run(false));
  }
}

TEST("three cards sum again and again, each on a thread of its own") {
  const Machine machine;
  auto rng = make_rng(90);
  const Devices devices = {machine.open(2), machine.open(0), machine.open(1)};
  std::string reason;
  const auto group = group_of(devices, reason);
  REQUIRE(group != nullptr);
  constexpr int kRows = 5, kCols = 24, kRounds = 40;
  std::vector<std::unique_ptr<Buffer>> buffers;
  std::vector<Tensor> tensors;
  std::vector<float> expected(kRows * kCols);
  for (const auto& device : devices) {
    buffers.push_back(device->allocate(kRows * kCols * 4));
    tensors.push_back({buffers.back()->data(), kRows, kCols, kCols});
    std::vector<float> values(kRows * kCols);
    for (float& value : values) value = static_cast<float>(rng() % 7) - 3;
    device->copy_to_device(buffers.back()->data(), values.data(), kRows * kCols * 4);
    for (std::size_t i = 0; i < values.size(); ++i) expected[i] += values[i];
  }
  // The first sum is of all three; then a third of it is taken and summed again.
  std::vector<std::thread> threads;
  for (int m = 0; m < 3; ++m) {
    threads.emplace_back([&, m] {
      Device& device = *devices[static_cast<std::size_t>(m)];
      for (int round = 0; round < kRounds; ++round) {
        std::vector<float> sums(kRows * kCols);
        group->all_reduce(m, tensors[static_cast<std::size_t>(m)]);
        device.copy_to_host(sums.data(), buffers[static_cast<std::size_t>(m)]->data(), kRows * kCols * 4);
        device.synchronize();
        CHECK(sums == expected);
        for (float& value : sums) value = m == 0 ? value : 0;
        device.copy_to_device(buffers[static_cast<std::size_t>(m)]->data(), sums.data(), kRows * kCols * 4);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST("cards that cannot sum among themselves do it by way of the host, and the runtime says why") {
  Machine machine;
  const auto exchange_of = [](const Map& map) { return TinyRuntime(map).runtime->exchange(); };
  CHECK_EQ(exchange_of(Map{{0, 2, {machine.open(1), machine.open(1)}}}),
           "cuda:1+cuda:1 by way of the host (two ranks are on cuda:1)");
  CHECK_CONTAINS(exchange_of(Map{{0, 2, {machine.open(0), cpu("cpu:0")}}}), "host (cpu:0 is no such card)");
  CHECK_CONTAINS(exchange_of(Map{{0, 2, {cpu("cpu:0"), machine.open(0)}}}), "devices of several kinds");
  machine.groups = {};
  CHECK_CONTAINS(exchange_of(machine.split()), "by way of the host (NCCL cannot be used: ");
  machine.groups = {.nccl = kFakeNccl, .deterministic = true};
  CHECK_CONTAINS(exchange_of(machine.split()), "by NCCL");  // a sum of two has one order
  std::string reason;
  CHECK(group_of({machine.open(0), machine.open(1), machine.open(2)}, reason) == nullptr);
  CHECK_CONTAINS(reason, "with --deterministic");
}

TEST("an NCCL that was asked for by its path and does not work refuses the load, and names the path") {
  Machine machine;
  for (const auto& [fault, message] :
       {std::pair{"init", "internal error"}, std::pair{"sum", "came out wrong"},
        std::pair{"all_reduce", "internal error"}, std::pair{"async", "a remote error"}}) {
    const NcclGoesWrong wrong(fault);
    const std::string refusal = CHECK_THROWS_CODE(TinyRuntime(machine.split()), "ERR_INVALID_OPTION");
    CHECK_CONTAINS(refusal, kFakeNccl);
    CHECK_CONTAINS(refusal, message);
    CHECK_CONTAINS(refusal, "--nccl");
    CHECK_EQ(nccl_leaks(), 0);
  }
  machine.groups.nccl = "/nowhere";
  CHECK_CONTAINS(CHECK_THROWS_CODE(TinyRuntime(machine.split()), "ERR_INVALID_OPTION"), "nccl is /nowhere");
}

TEST("a sum that fails, ends in an error or never ends fails its step and all later ones, and aborts") {
  for (const auto& [fault, message] :
       {std::pair{"all_reduce", "internal error"}, std::pair{"async", "a remote error"},
        std::pair{"stall", "has not ended in 1500 ms"}, std::pair{"block", "has not ended in 1500 ms"}}) {
    for (const bool pairs : {false, true}) {
      {
        Machine machine;
        machine.groups.patience_ms = 1500;
        TinyRuntime tiny(pairs ? machine.two_by_two() : machine.split());
        const Slot slot = tiny.open();
        REQUIRE(tiny.step({{slot, {1, 2, 3}, 0}}).error_code.empty());
        const int aborts = nccl_aborts();
        const NcclGoesWrong wrong(fault);
        const TinyResult result = tiny.step({{slot, {-1}, 3}});
        CHECK_EQ(result.error_code, "ERR_DEVICE_LOST");
        std::string reasons;  // whichever card met it first has it
        for (const auto& card : machine.plugin.list()) reasons += card.reason;
        CHECK_CONTAINS(reasons, message);
        CHECK_EQ(tiny.step({{tiny.open(), {3}, 0}}).error_code, "ERR_DEVICE_LOST");
        for (int wait = 0; wait < 500 && nccl_aborts() - aborts < 2; ++wait)
          std::this_thread::sleep_for(std::chrono::milliseconds(10));
        CHECK(nccl_aborts() - aborts >= 2);  // of the pair that failed first
      }
      CHECK_EQ(nccl_leaks(), 0);
    }
  }
}

TEST("a card that is lost ends the sums that wait for it") {
  for (const int lost : {0, 1}) {
    const Machine machine;  // with a patience of a minute
    TinyRuntime tiny(machine.split());
    const Slot slot = tiny.open();
    REQUIRE(tiny.step({{slot, {1, 2, 3}, 0}}).error_code.empty());
    gpu::emulated_card(lost).is_lost = true;
    CHECK_EQ(tiny.step({{slot, {-1}, 3}}).error_code, "ERR_DEVICE_LOST");
    CHECK_EQ(tiny.step({{tiny.open(), {3}, 0}}).error_code, "ERR_DEVICE_LOST");
  }
  CHECK_EQ(nccl_leaks(), 0);
}

TEST("a member that fails before a sum has the others fail at once, and one that never comes in time") {
  for (const bool comes : {true, false}) {
    Machine machine;
    if (!comes) machine.groups.patience_ms = 300;
    const Devices devices = {machine.open(0), machine.open(1)};
    std::string reason;
    const auto group = group_of(devices, reason);
    REQUIRE(group != nullptr);
    std::vector<std::unique_ptr<Buffer>> buffers;
    for (const auto& device : devices) buffers.push_back(device->allocate(64));
    for (const auto& device : devices) device->synchronize();
    const Tensor first{buffers[0]->data(), 1, 16, 16}, second{buffers[1]->data(), 1, 16, 16};
    std::string of_first;
    std::thread waits([&] { of_first = outcome(*group, 0, first); });
    if (comes) {
      gpu::emulated_card(1).fail_next = true;
      CHECK_THROWS_CODE(devices[1]->synchronize(), "ERR_DEVICE_LOST");
    }
    if (!comes) waits.join();
    CHECK_EQ(outcome(*group, 1, second), "ERR_DEVICE_LOST");
    if (comes) waits.join();
    CHECK_EQ(of_first, "ERR_DEVICE_LOST");
  }
  CHECK_EQ(nccl_leaks(), 0);
}

}  // namespace
}  // namespace millrace::test
