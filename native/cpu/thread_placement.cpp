#include "cpu/thread_placement.hpp"

#include <algorithm>
#include <fstream>
#include <map>
#include <mutex>
#include <utility>

#if defined(__linux__)
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <ctime>
#endif

namespace millrace {

#if defined(__linux__)
namespace {

// An affinity is changed and put back; two that do so at once would put back the other's.
std::mutex moving;

std::int32_t own_id() {
  thread_local const auto id = static_cast<std::int32_t>(syscall(SYS_gettid));
  return id;
}

// Nanoseconds that a thread of this process has run until now; -1 when there is none of that id.
std::int64_t run_ns(std::int32_t id) {
  // The clock that pthread_getcpuclockid() gives, from the id alone: the thread may have ended.
  const auto clock = static_cast<clockid_t>(~static_cast<std::uint32_t>(id) << 3 | 6U);
  timespec time{};
  if (clock_gettime(clock, &time) != 0) return -1;
  return std::int64_t{time.tv_sec} * 1000000000 + time.tv_nsec;
}

// Restricts a thread to the processors that `choose` makes of its own, for as long as `meanwhile` takes.
template <typename Choose, typename Meanwhile>
bool move(std::int32_t id, Choose choose, Meanwhile meanwhile) {
  if (id == 0 || id == own_id() || run_ns(id) < 0) return false;
  const std::unique_lock lock(moving, std::try_to_lock);
  if (!lock.owns_lock()) return false;
  cpu_set_t before, there;
  if (sched_getaffinity(id, sizeof before, &before) != 0) return false;
  choose(before, there);
  if (CPU_COUNT(&there) == 0 || CPU_EQUAL(&before, &there)) return false;
  const bool moved = sched_setaffinity(id, sizeof there, &there) == 0;
  if (!moved) return false;
  meanwhile();
  // Where a thread is when its affinity widens, it stays.
  sched_setaffinity(id, sizeof before, &before);
  return true;
}

template <typename Choose>
bool move(std::int32_t id, Choose choose) {
  return move(id, choose, [] {});
}

std::vector<int> own_cpus() {
  cpu_set_t set;
  std::vector<int> cpus;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return cpus;  // more processors than a set has places
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

bool set_own_cpus(const std::vector<int>& cpus) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int cpu : cpus) {
    if (cpu >= 0 && cpu < CPU_SETSIZE) CPU_SET(cpu, &set);
  }
  return sched_setaffinity(0, sizeof set, &set) == 0;
}

thread_local int pinned_to = -1;

// As the kernel takes it; libraries have it only of late.
struct SchedulingAttributes {
  std::uint32_t size = sizeof(SchedulingAttributes);
  std::uint32_t policy = 0;
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime_ns = 0, deadline_ns = 0, period_ns = 0;
};
constexpr std::uint64_t kResetOnFork = 1;  // SCHED_FLAG_RESET_ON_FORK

}  // namespace

void ThreadHandle::adopt_caller() {
  if (id_.load(std::memory_order_relaxed) != own_id()) id_.store(own_id(), std::memory_order_relaxed);
}

bool ThreadHandle::is_running() const {
  const std::int32_t id = id_.load(std::memory_order_relaxed);
  const std::int64_t before = id == 0 ? -1 : run_ns(id);
  if (before < 0) return false;
  timespec start{}, now{};
  clock_gettime(CLOCK_MONOTONIC, &start);
  // The system brings a running thread's clock up to date when it is asked for.
  do {
    if (run_ns(id) != before) return true;
    clock_gettime(CLOCK_MONOTONIC, &now);
  } while ((now.tv_sec - start.tv_sec) * 1000000000 + (now.tv_nsec - start.tv_nsec) < 3000);
  return false;
}

bool ThreadHandle::bring_here() const {
  return move(id_.load(std::memory_order_relaxed), [](const cpu_set_t& before, cpu_set_t& there) {
    CPU_ZERO(&there);
    const int cpu = sched_getcpu();
    if (cpu >= 0 && CPU_ISSET(cpu, &before)) CPU_SET(cpu, &there);
  });
}

bool ThreadHandle::send_away(std::span<const int> cpus) const {
  return move(id_.load(std::memory_order_relaxed), [&](const cpu_set_t& before, cpu_set_t& there) {
    there = before;
    for (const int cpu : cpus) {
      if (cpu >= 0 && cpu < CPU_SETSIZE) CPU_CLR(cpu, &there);
    }
  });
}

void ThreadHandle::wake_elsewhere(FunctionRef<void()> wake) const {
  const auto leave_ours = [](const cpu_set_t& before, cpu_set_t& there) {
    there = before;
    const int cpu = sched_getcpu();
    if (cpu >= 0) CPU_CLR(cpu, &there);
  };
  if (!move(id_.load(std::memory_order_relaxed), leave_ours, [&] { wake(); })) wake();
}

int current_cpu() {
  return sched_getcpu();
}

std::vector<int> cpus_to_pin_to() {
  return by_core(own_cpus(), "/sys/devices/system/cpu");
}

bool pin_caller(int cpu) {
  if (pinned_to == cpu) return true;
  if (!set_own_cpus({cpu})) return false;
  pinned_to = cpu;
  return true;
}

bool ask_for_short_slices() {
  SchedulingAttributes attributes;
  if (syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0) return false;
  // Somebody chose another policy for it, and knows why.
  if (attributes.policy != SCHED_OTHER) return false;
  // Beside an inherited slice, a fork resets only a niceness below 0.
  if (attributes.nice >= 0) attributes.flags |= kResetOnFork;
  attributes.runtime_ns = 100'000;
  if (syscall(SYS_sched_setattr, 0, &attributes, 0) != 0) return false;
  SchedulingAttributes set;
  return syscall(SYS_sched_getattr, 0, &set, sizeof set, 0) == 0 && set.runtime_ns == attributes.runtime_ns;
}

AffinityGuard::AffinityGuard() : cpus_(own_cpus()) {}
AffinityGuard::~AffinityGuard() {
  if (own_cpus() == cpus_) return;
  set_own_cpus(cpus_);
  pinned_to = -1;
}

#else

void ThreadHandle::adopt_caller() {}
bool ThreadHandle::is_running() const {
  return true;
}
bool ThreadHandle::bring_here() const {
  return false;
}
bool ThreadHandle::send_away(std::span<const int>) const {
  return false;
}
void ThreadHandle::wake_elsewhere(FunctionRef<void()> wake) const {
  wake();
}
int current_cpu() {
  return -1;
}
std::vector<int> cpus_to_pin_to() {
  return {};
}
bool pin_caller(int) {
  return false;
}
bool ask_for_short_slices() {
  return false;
}
AffinityGuard::AffinityGuard() = default;
AffinityGuard::~AffinityGuard() = default;

#endif

std::vector<int> by_core(const std::vector<int>& allowed, const std::string& root) {
  std::map<std::string, int> seen;            // processors of a core so far
  std::vector<std::pair<int, int>> by_place;  // place within its core, number
  for (const int cpu : allowed) {
    std::ifstream file(root + "/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list");
    std::string siblings;
    // Where the system does not tell, every processor is a core.
    if (!std::getline(file, siblings)) siblings = "of " + std::to_string(cpu);
    by_place.emplace_back(seen[siblings]++, cpu);
  }
  std::stable_sort(by_place.begin(), by_place.end());
  std::vector<int> cpus;
  for (const auto& [place, cpu] : by_place) cpus.push_back(cpu);
  return cpus;
}

}  // namespace millrace
