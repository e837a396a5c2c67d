#include "cpu/thread_pool.hpp"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "core/error.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace millrace {
namespace {

// Long enough to bridge the gap between two operations of a step, and two steps of an engine; short enough
// that a pool whose engine is idle leaves the core to others.
constexpr std::chrono::microseconds kSpinTime{50};

// More pieces balance ragged tasks better; each costs a few atomic operations (about 0.1 us).
constexpr std::int64_t kPiecesPerThread = 16;

// Stands for "the pool ends" in unclaimed_: no job has as many pieces.
constexpr std::uint32_t kStop = 0xFFFFFFFFU;

void pause_briefly() {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

// Returns once `value` is (or is no longer) `expected`, having spun and then slept.
template <bool kUntilEqual>
void wait_for(const std::atomic<std::uint32_t>& value, std::uint32_t expected) {
  const auto ready = [&](std::uint32_t now) { return (now == expected) == kUntilEqual; };
  const auto give_up = std::chrono::steady_clock::now() + kSpinTime;
  do {
    for (int i = 0; i < 32; ++i) {
      if (ready(value.load(std::memory_order_acquire))) return;
      pause_briefly();
    }
  } while (std::chrono::steady_clock::now() < give_up);
  for (std::uint32_t now = value.load(std::memory_order_acquire); !ready(now);
       now = value.load(std::memory_order_acquire)) {
    value.wait(now, std::memory_order_acquire);
  }
}

}  // namespace

ThreadPool::ThreadPool(int threads) : threads_(threads), limit_(threads) {
  if (threads < 1 || threads > 1024) {
    throw Error("ERR_INVALID_PARAMETER", "threads must be 1 to 1024, not " + std::to_string(threads));
  }
  workers_.reserve(static_cast<std::size_t>(threads - 1));
  for (int worker = 1; worker < threads; ++worker) {
    workers_.emplace_back([this, worker] { work(worker); });
  }
}

ThreadPool::~ThreadPool() {
  stopping_.store(true);
  limit_.store(threads_ + 1);  // a change, whatever the limit was
  limit_.notify_all();
  unclaimed_.store(kStop, std::memory_order_release);
  unclaimed_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::set_limit(int limit) {
  limit_.store(std::clamp(limit, 1, threads_));
  limit_.notify_all();
}

void ThreadPool::run(std::int64_t tasks, Task fn) {
  if (tasks <= 0) return;
  const std::lock_guard turn(turn_);
  const int limit = limit_.load(std::memory_order_relaxed);
  if (limit == 1 || tasks == 1) {
    for (std::int64_t task = 0; task < tasks; ++task) fn(task, 0);
    return;
  }
  task_ = &fn;
  tasks_ = tasks;
  pieces_ = static_cast<std::uint32_t>(std::min(tasks, limit * kPiecesPerThread));
  unfinished_.store(pieces_, std::memory_order_relaxed);
  unclaimed_.store(pieces_, std::memory_order_release);
  unclaimed_.notify_all();
  while (take_piece(0)) {
  }
  wait_for<true>(unfinished_, 0);
  // Nobody writes it now: every piece is done.
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

// Whoever lowers unclaimed_ owns a piece of the job that is running now, however long ago it last looked.
bool ThreadPool::take_piece(int worker) {
  std::uint32_t left = unclaimed_.load(std::memory_order_acquire);
  do {
    if (left == 0 || left == kStop) return false;
  } while (!unclaimed_.compare_exchange_weak(left, left - 1, std::memory_order_acq_rel,
                                             std::memory_order_acquire));
  run_piece(pieces_ - left, worker);
  if (unfinished_.fetch_sub(1, std::memory_order_acq_rel) == 1) unfinished_.notify_one();
  return true;
}

void ThreadPool::run_piece(std::int64_t piece, int worker) {
  const std::int64_t end = tasks_ * (piece + 1) / pieces_;
  try {
    for (std::int64_t task = tasks_ * piece / pieces_; task < end; ++task) (*task_)(task, worker);
  } catch (...) {
    const std::lock_guard lock(error_mutex_);
    if (!error_) error_ = std::current_exception();
  }
}

void ThreadPool::work(int worker) {
  while (!stopping_.load()) {
    for (int limit = limit_.load(); worker >= limit; limit = limit_.load()) limit_.wait(limit);
    wait_for<false>(unclaimed_, 0);
    while (worker < limit_.load(std::memory_order_relaxed) && take_piece(worker)) {
    }
  }
}

}  // namespace millrace
