#include "cpu/thread_placement.hpp"

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "harness.hpp"

#if defined(__linux__)
#include <sched.h>

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

TEST("the caller does not move itself") {
  ThreadHandle own;
  own.adopt_caller();
  CHECK(!own.bring_here());
  CHECK(!own.send_away(std::vector<int>{current_cpu()}));
}

TEST("a pinned thread is on its processor, and one that does not exist is refused") {
  const std::vector<int> cpus = allowed_cpus();
  std::thread([&] {
    for (const int cpu : cpus) {
      pin_caller(std::vector<int>{cpu});
      CHECK_EQ(current_cpu(), cpu);
    }
    CHECK_CONTAINS(CHECK_THROWS_CODE(pin_caller(std::vector<int>{1000}), "ERR_INVALID_PARAMETER"), "1000");
  }).join();
}
#endif
