#pragma once
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "cpu/function_ref.hpp"
#include "cpu/thread_placement.hpp"

namespace millrace {

// Threads that share the tasks of one call at a time. Each has a share of the tasks, in small pieces, and
// takes from the shares of others when its own is done; a thread that lost its processor holds up nobody but
// the piece it has. Waiting is a short spin, then sleep; an idle pool uses no processor time.
//
// On a machine that others use too, the system's scheduler leaves our threads where they hurt most: two on
// one processor, or one that all others wait for behind a stranger. The pool mends both (docs/cpu.md): who is
// about to wait for a thread that has no processor brings it to its own, and a thread that does not come to
// work is sent to a processor where none of ours is. Neither happens when threads are pinned.
class ThreadPool {
 public:
  // `threads` counts the caller of run(). Throws ERR_INVALID_PARAMETER unless it is 1 to 1024.
  // cpus: empty, or thread i (the caller is 0) stays on cpus[i % cpus.size()].
  explicit ThreadPool(int threads, std::vector<int> cpus = {});
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  [[nodiscard]] int threads() const { return threads_; }
  // Threads that take part from now on, 1 to threads(): how devices share a process's budget.
  void set_limit(int limit);
  [[nodiscard]] int limit() const { return std::min(limit_.load(std::memory_order_relaxed), threads_); }

  // Calls fn(task, worker) for each task in [0, tasks), in no order, and returns when all are done. worker is
  // in [0, threads()) and no two calls with the same worker overlap; 0 is the caller. fn must not call run()
  // itself. When fn throws, the rest of its piece is left out, the other pieces run, and the first exception
  // is thrown here. Calls from several threads take turns. Allocates nothing.
  //
  // Worker w begins with the w-th part of the tasks, in rising order: the same tasks call after call, as far
  // as all threads come in time.
  void run(std::int64_t tasks, FunctionRef<void(std::int64_t task, int worker)> fn);

 private:
  using Task = FunctionRef<void(std::int64_t, int)>;
  using Clock = std::chrono::steady_clock;

  // What a thread has to do, and what others know of it. Whoever lowers `left` from above 0 owns a piece.
  struct alignas(64) Member {
    std::atomic<std::int32_t> left = 0;  // pieces of its share that nobody has taken
    std::int32_t end = 0;                // of the share; piece end - left is the next
    std::atomic<std::uint32_t> seen_job = 0;
    std::atomic<bool> is_working = false;  // may hold a piece
    std::atomic<int> cpu = -1;             // where it was seen last
    ThreadHandle handle;
    Clock::time_point absent_since;  // the caller's own; the epoch = it came
  };

  void begin_job(std::int64_t tasks, const Task& fn, int limit);
  void adopt_caller();
  void work(int worker);
  // Returns how many pieces it has done.
  std::int32_t take_pieces(int worker, int limit);
  void run_piece(std::int64_t piece, int worker);
  void wait_for_end(int limit);
  void call_absent(int limit);
  void bring_a_stopped_thread(int self);

  const int threads_;
  const std::vector<int> cpus_;
  std::mutex turn_;
  // The job. Written by run() while no piece is left, and stable while one is unfinished.
  const Task* task_ = nullptr;
  std::int64_t tasks_ = 0;
  std::int64_t pieces_ = 0;
  const std::unique_ptr<Member[]> members_;  // (threads_,)
  std::mutex error_mutex_;
  std::exception_ptr error_;  // the job's first

  alignas(64) std::atomic<std::uint32_t> job_ = 0;        // number of the newest job
  alignas(64) std::atomic<std::int32_t> unfinished_ = 0;  // pieces that are not done
  std::atomic<bool> caller_sleeps_ = false;
  alignas(64) std::atomic<int> sleepers_ = 0;
  std::atomic<int> limit_;  // above threads_ when the pool ends
  std::atomic<bool> stopping_ = false;
  std::vector<std::thread> workers_;
};

}  // namespace millrace
