#include "cpu/thread_placement.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "harness.hpp"

#if defined(__linux__)
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

using namespace millrace;
using namespace millrace::test;

std::vector<int> allowed_cpus() {
  cpu_set_t set;
  sched_getaffinity(0, sizeof set, &set);
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

// The slice that the calling thread has asked for or has by default, as the kernel tells it.
std::uint64_t slice_ns() {
  struct {
    std::uint32_t size = 48, policy = 0;
    std::uint64_t flags = 0;
    std::int32_t nice = 0;
    std::uint32_t priority = 0;
    std::uint64_t runtime_ns = 0, deadline_ns = 0, period_ns = 0;
  } attributes;
  return syscall(SYS_sched_getattr, 0, &attributes, 48, 0) == 0 ? attributes.runtime_ns : 0;
}

// A thread that tells its handle and where it may run, and is busy or asleep until it is destroyed.
struct Subject {
  ThreadHandle handle;
  std::atomic<bool> ready = false, ends = false;
  std::vector<int> allowed_at_end;
  std::thread thread;

  explicit Subject(bool busy) {
    thread = std::thread([this, busy] {
      handle.adopt_caller();
      ready = true;
      while (!ends) {
        if (!busy) std::this_thread::sleep_for(std::chrono::milliseconds(5));
      }
      allowed_at_end = allowed_cpus();
    });
    while (!ready) std::this_thread::yield();
  }
  void end() {
    ends = true;
    if (thread.joinable()) thread.join();
  }
  ~Subject() { end(); }
};

// True within some seconds.
template <typename Condition>
bool comes_true(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (std::chrono::steady_clock::now() < deadline) {
    if (condition()) return true;
  }
  return false;
}

}  // namespace

TEST("a thread that sleeps is not running, one that computes is, one that has ended is not") {
  ThreadHandle nobody;
  CHECK(!nobody.is_running());
  CHECK(!nobody.bring_here());
  Subject sleeps(false), computes(true);
  CHECK(comes_true([&] { return !sleeps.handle.is_running(); }));
  CHECK(comes_true([&] { return computes.handle.is_running(); }));
  computes.end();
  CHECK(comes_true([&] { return !computes.handle.is_running(); }));  // the system may still be at it
  CHECK(!computes.handle.bring_here());
}

TEST("a thread that was moved may run where it could before") {
  const std::vector<int> cpus = allowed_cpus();
  if (cpus.size() < 2) SKIP("there is one processor");
  Subject subject(true);
  CHECK(comes_true([&] { return subject.handle.bring_here(); }));
  CHECK(subject.handle.send_away(std::vector<int>{current_cpu()}));
  CHECK(!subject.handle.send_away(cpus));                           // nothing would be left
  CHECK(!subject.handle.send_away(std::vector<int>{-1, 1 << 20}));  // no restriction
  subject.end();
  CHECK_EQ(subject.allowed_at_end, cpus);
}

TEST("a thread wakes beside its waker and not in his place, and may run where it could before") {
  const std::vector<int> cpus = allowed_cpus();
  if (cpus.size() < 2) SKIP("there is one processor");
  ThreadHandle handle;
  std::atomic<int> round = 0, woken_on = -1;
  std::vector<int> allowed_at_end;
  std::thread sleeper([&] {
    handle.adopt_caller();
    for (int seen = 0; seen < 50; seen = round) {
      woken_on = current_cpu();
      woken_on.notify_one();
      round.wait(seen);
    }
    allowed_at_end = allowed_cpus();
  });
  woken_on.wait(-1);
  int same = 0;
  for (int i = 1; i <= 50; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));  // it sleeps by now
    woken_on = -1;
    int own = -1;
    handle.wake_elsewhere([&] {
      own = current_cpu();
      round = i;
      round.notify_one();
    });
    if (i == 50) break;
    woken_on.wait(-1);
    if (woken_on == own) ++same;
  }
  sleeper.join();
  CHECK(same < 25);  // where it goes after it has woken is the system's affair
  CHECK_EQ(allowed_at_end, cpus);
}

TEST("the caller does not move itself") {
  ThreadHandle own;
  own.adopt_caller();
  CHECK(!own.bring_here());
  CHECK(!own.send_away(std::vector<int>{current_cpu()}));
}

TEST("a pinned thread is on its processor, and is not pinned to one that does not exist") {
  const std::vector<int> cpus = allowed_cpus();
  std::thread([&] {
    for (const int cpu : cpus) {
      CHECK(pin_caller(cpu));
      CHECK_EQ(current_cpu(), cpu);
      CHECK_EQ(allowed_cpus(), std::vector<int>{cpu});
    }
    CHECK(!pin_caller(1000));
    CHECK_EQ(allowed_cpus(), std::vector<int>{cpus.back()});
  }).join();
}

TEST("a thread that was pinned under a guard has its processors back, and can be pinned again") {
  const std::vector<int> cpus = allowed_cpus();
  std::thread([&] {
    for (int round = 0; round < 2; ++round) {
      {
        const AffinityGuard guard;
        CHECK(pin_caller(cpus.front()));
        CHECK_EQ(allowed_cpus(), std::vector<int>{cpus.front()});
      }
      CHECK_EQ(allowed_cpus(), cpus);
    }
  }).join();
}

TEST(
    "a thread that asks for short slices keeps its niceness, and those that it starts have what others "
    "have") {
  bool granted = false;
  std::uint64_t before = 0, own = 0, started = 0;
  int nice = 0;
  std::thread([&] {
    setpriority(PRIO_PROCESS, 0, 7);
    before = slice_ns();
    granted = ask_for_short_slices();
    own = slice_ns();
    nice = getpriority(PRIO_PROCESS, 0);
    std::thread([&] { started = slice_ns(); }).join();
  }).join();
  CHECK_EQ(nice, 7);
  if (!granted) SKIP("this system has no slices of threads' own (Linux has from 6.12 on)");
  CHECK_EQ(own, 100'000U);
  CHECK_EQ(started, before);
}

TEST("threads are pinned to different cores first, then to the second processors of the same") {
  const auto root =
      std::filesystem::temp_directory_path() / ("millrace-topology-" + std::to_string(make_rng(61)()));
  const auto put = [&](int cpu, const std::string& siblings) {
    const auto folder = root / ("cpu" + std::to_string(cpu)) / "topology";
    std::filesystem::create_directories(folder);
    std::ofstream(folder / "thread_siblings_list") << siblings << "\n";
  };
  for (const int cpu : {0, 1, 2, 3}) put(cpu, cpu < 2 ? "0-1" : "2-3");
  CHECK_EQ(by_core({0, 1, 2, 3}, root.string()), (std::vector<int>{0, 2, 1, 3}));
  CHECK_EQ(by_core({1, 2, 3}, root.string()), (std::vector<int>{1, 2, 3}));
  CHECK_EQ(by_core({4, 5, 6}, root.string()), (std::vector<int>{4, 5, 6}));  // nothing is known of them
  std::filesystem::remove_all(root);
  std::vector<int> all = cpus_to_pin_to();
  std::sort(all.begin(), all.end());
  CHECK_EQ(all, allowed_cpus());
}
#endif
