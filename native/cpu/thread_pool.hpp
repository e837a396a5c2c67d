#pragma once
#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "cpu/function_ref.hpp"

namespace millrace {

// Threads that share the tasks of one call at a time. Tasks are handed out in small pieces by a counter, so
// a thread that lost its core holds up nobody but the piece it has: the call ends when all pieces are done,
// whether or not every thread took part. Waiting is a short spin, then sleep; an idle pool uses no CPU.
class ThreadPool {
 public:
  // `threads` counts the caller of run(). Throws ERR_INVALID_PARAMETER unless it is 1 to 1024.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  [[nodiscard]] int threads() const { return threads_; }
  // Threads that take part from now on, 1 to threads(): how devices share a process's budget.
  void set_limit(int limit);
  [[nodiscard]] int limit() const { return limit_.load(std::memory_order_relaxed); }

  // Calls fn(task, worker) for each task in [0, tasks), in no order, and returns when all are done. worker is
  // in [0, threads()) and no two calls with the same worker overlap; 0 is the caller. fn must not call run()
  // itself. When fn throws, the rest of its piece is left out, the other pieces run, and the first exception
  // is thrown here. Calls from several threads take turns. Allocates nothing.
  void run(std::int64_t tasks, FunctionRef<void(std::int64_t task, int worker)> fn);

 private:
  using Task = FunctionRef<void(std::int64_t, int)>;

  void work(int worker);
  bool take_piece(int worker);
  void run_piece(std::int64_t piece, int worker);

  const int threads_;
  std::mutex turn_;
  // The job. Written by run() while no piece is unclaimed, and stable while one is unfinished.
  const Task* task_ = nullptr;
  std::int64_t tasks_ = 0;
  std::uint32_t pieces_ = 0;
  std::mutex error_mutex_;
  std::exception_ptr error_;  // the job's first

  alignas(64) std::atomic<std::uint32_t> unclaimed_ = 0;   // pieces nobody has taken
  alignas(64) std::atomic<std::uint32_t> unfinished_ = 0;  // pieces that are not done
  alignas(64) std::atomic<int> limit_;
  std::atomic<bool> stopping_ = false;
  std::vector<std::thread> workers_;
};

}  // namespace millrace
