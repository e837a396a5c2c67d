#include "cpu/thread_placement.hpp"

#include <mutex>
#include <string>

#include "core/error.hpp"

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

// Moves a thread onto one of `cpus`.
template <typename Choose>
bool move(std::int32_t id, Choose choose) {
  if (id == 0 || id == own_id() || run_ns(id) < 0) return false;
  const std::unique_lock lock(moving, std::try_to_lock);
  if (!lock.owns_lock()) return false;
  cpu_set_t before, there;
  if (sched_getaffinity(id, sizeof before, &before) != 0) return false;
  choose(before, there);
  if (CPU_COUNT(&there) == 0 || CPU_EQUAL(&before, &there)) return false;
  const bool moved = sched_setaffinity(id, sizeof there, &there) == 0;
  // Where a thread is when its affinity widens, it stays.
  if (moved) sched_setaffinity(id, sizeof before, &before);
  return moved;
}

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

int current_cpu() {
  return sched_getcpu();
}

void pin_caller(std::span<const int> cpus) {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::string names;
  for (const int cpu : cpus) {
    if (cpu >= 0 && cpu < CPU_SETSIZE) CPU_SET(cpu, &set);
    names += (names.empty() ? "" : ", ") + std::to_string(cpu);
  }
  if (sched_setaffinity(0, sizeof set, &set) != 0) {
    throw Error("ERR_INVALID_PARAMETER", "this process cannot run on processor " + names +
                                             "; `taskset -p` and the cpuset of its cgroup say where it can");
  }
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
int current_cpu() {
  return -1;
}
void pin_caller(std::span<const int>) {
  throw Error("ERR_INVALID_PARAMETER", "threads cannot be pinned on this system");
}

#endif

}  // namespace millrace
