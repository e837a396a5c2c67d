// Where threads run, and whether they do. Linux only: elsewhere nothing moves, and every thread counts as
// running.
#pragma once
#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "cpu/function_ref.hpp"

namespace millrace {

// A thread of this process that others may look at and move. A handle of a thread that has ended is harmless.
class ThreadHandle {
 public:
  // Makes this the handle of the calling thread; cheap when it is already.
  void adopt_caller();
  // False when the thread has not run for some microseconds: it sleeps, or waits for a processor.
  // Takes as long.
  [[nodiscard]] bool is_running() const;
  // Moves the thread to the caller's processor, where it runs as soon as the caller sleeps. Its affinity is
  // what it was before, when this returns. False when it cannot be moved.
  bool bring_here() const;
  // Moves the thread to a processor that it may use and that is not one of these, if there is one.
  bool send_away(std::span<const int> cpus) const;
  // Calls `wake`, which may wake the thread: not on the caller's processor, if the thread may use another.
  // The system likes to put it there, and then it runs in the caller's place.
  void wake_elsewhere(FunctionRef<void()> wake) const;

 private:
  std::atomic<std::int32_t> id_ = 0;  // the system's; 0 = none
};

// The processor that the calling thread is on; -1 where nobody knows.
int current_cpu();

// Processors for threads that are pinned, first those of different cores, then the second of each core, and
// so on: those that this process may use, in that order. Empty where threads cannot be pinned.
std::vector<int> cpus_to_pin_to();
// The same of `allowed` (rising), by a folder such as /sys/devices/system/cpu.
std::vector<int> by_core(const std::vector<int>& allowed, const std::string& root);

// Restricts the calling thread to a processor; cheap when it is already. False when the system refuses.
bool pin_caller(int cpu);

// Asks that the calling thread, which computes little and often, runs soon whenever it wakes, rather than
// when those that compute have had their time: with Linux 6.12 and later, a slice of 0.1 ms. It gets no more
// time by it than before, and threads that it starts are as others. False where the system knows nothing of
// the kind.
bool ask_for_short_slices();

// Gives a thread back the processors that it had when this was made: for threads that are ours for a while.
class AffinityGuard {
 public:
  AffinityGuard();
  ~AffinityGuard();
  AffinityGuard(const AffinityGuard&) = delete;
  AffinityGuard& operator=(const AffinityGuard&) = delete;

 private:
  std::vector<int> cpus_;
};

}  // namespace millrace
