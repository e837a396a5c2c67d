#include "cpu/registry.hpp"

#include <thread>

#include "cpu/features.hpp"
#include "cpu/thread_placement.hpp"
#include "harness.hpp"

namespace {

using namespace millrace;
using namespace millrace::test;

}  // namespace

TEST("devices in use share the threads of the process, and get them back") {
  Registry registry;
  registry.set_threads(5);
  auto first = registry.device("cpu:0");
  CHECK_EQ(first->info().threads, 5);
  CHECK(first->info().name == "cpu:0");
  auto second = registry.device("cpu:1");
  CHECK_EQ(first->info().threads, 3);
  CHECK_EQ(second->info().threads, 2);
  auto third = registry.device("cpu:7");
  CHECK_EQ(first->info().threads + second->info().threads + third->info().threads, 5);
  second.reset();
  third.reset();
  CHECK_EQ(first->info().threads, 5);
}

TEST("more devices than threads have one thread each") {
  Registry registry;
  registry.set_threads(1);
  const auto first = registry.device("cpu:0"), second = registry.device("cpu:1");
  CHECK_EQ(first->info().threads, 1);
  CHECK_EQ(second->info().threads, 1);
}

TEST("two engines on one device share its threads") {
  Registry registry;
  registry.set_threads(2);
  const auto first = registry.device("cpu:0"), second = registry.device("cpu:0", Isa::kScalar);
  CHECK(first != second);
  CHECK_EQ(first->info().threads, 2);
  CHECK_EQ(second->info().threads, 2);
}

TEST("the number of threads is fixed while a device is in use") {
  Registry registry;
  registry.set_threads(2);
  {
    const auto device = registry.device("cpu:0");
    registry.set_threads(2);
    CHECK_CONTAINS(CHECK_THROWS_CODE(registry.set_threads(3), "ERR_THREADS_FIXED"),
                   "Set it before the first load");
  }
  registry.set_threads(3);
  CHECK_EQ(registry.device("cpu:0")->info().threads, 3);
  if (!cpus_to_pin_to().empty()) {
    registry.set_threads(2, true);
    const auto device = registry.device("cpu:0");
    registry.set_threads(2, true);
    CHECK_CONTAINS(CHECK_THROWS_CODE(registry.set_threads(2, false), "ERR_THREADS_FIXED"), "2, pinned,");
  }
  CHECK_THROWS_CODE(registry.set_threads(0), "ERR_INVALID_PARAMETER");
}

TEST("an unknown device is refused with the names of those that exist") {
  Registry registry;
  for (const char* name : {"cuda:0", "cpu", "cpu:", "cpu:8", "cpu:00", "cpu:x", ""}) {
    CHECK_CONTAINS(CHECK_THROWS_CODE(registry.device(name), "ERR_DEVICE_UNAVAILABLE"), "cpu:0 to cpu:7");
  }
}

TEST("a device whose instruction set is missing leaves the registry usable") {
  Registry registry;
  if (cpu_features().avx512) SKIP("this processor has every instruction set");
  CHECK_THROWS_CODE(registry.device("cpu:0", Isa::kAvx512), "ERR_UNSUPPORTED_ISA");
  CHECK(registry.device("cpu:0", Isa::kScalar)->info().name == "cpu:0");
}

TEST("the list of devices has cpu:0 and cpu:1 always, and others in use") {
  Registry registry;
  registry.set_threads(4);
  CHECK_EQ(registry.list().size(), 2);
  const auto device = registry.device("cpu:5");
  const auto list = registry.list();
  REQUIRE(list.size() == 3);
  CHECK(list[0].name == "cpu:0");
  CHECK(list[1].name == "cpu:1");
  CHECK(list[2].name == "cpu:5");
  for (const DeviceInfo& info : list) {
    CHECK_EQ(info.threads, 4);
    CHECK(info.memory_bytes > std::int64_t{64} << 20);
    CHECK(!info.description.empty());
  }
}

TEST("devices come and go from several threads at once") {
  Registry registry;
  registry.set_threads(3);
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        const auto device = registry.device(t % 2 == 0 ? "cpu:0" : "cpu:1");
        const int threads_now = device->info().threads;
        if (threads_now < 1 || threads_now > 3) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK_EQ(wrong.load(), 0);
}
