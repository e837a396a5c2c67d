// Where threads run, and whether they do. Linux only: elsewhere nothing moves, and every thread counts as
// running.
#pragma once
#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

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

 private:
  std::atomic<std::int32_t> id_ = 0;  // the system's; 0 = none
};

// The processor that the calling thread is on; -1 where nobody knows.
int current_cpu();

// Restricts the calling thread to these processors. Throws ERR_INVALID_PARAMETER when the system refuses.
void pin_caller(std::span<const int> cpus);

}  // namespace millrace
