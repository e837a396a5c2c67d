#include "cpu/thread_pool.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "core/error.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace millrace {
namespace {

using std::chrono::microseconds;

// Long enough to bridge the gap between two operations of a step, and two steps of an engine; short enough
// that a pool whose engine is idle leaves the processor to others.
constexpr microseconds kSpinTime{50};
// Pieces take less, as a rule: who is waited for longer has perhaps been stopped.
constexpr microseconds kPatience{20};
// A thread that sleeps comes in a tenth of this.
constexpr microseconds kAbsence{300};

// More pieces balance ragged tasks better; each costs an atomic operation.
constexpr std::int64_t kPiecesPerThread = 16;

void pause_briefly() {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

// True as soon as `ready` is, false when it was not for that long.
template <typename Ready>
bool spin(microseconds time, Ready ready) {
  const auto give_up = std::chrono::steady_clock::now() + time;
  do {
    for (int i = 0; i < 32; ++i) {
      if (ready()) return true;
      pause_briefly();
    }
  } while (std::chrono::steady_clock::now() < give_up);
  return false;
}

}  // namespace

ThreadPool::ThreadPool(int threads, std::vector<int> cpus)
    : threads_(threads),
      cpus_(std::move(cpus)),
      members_(threads >= 1 && threads <= 1024 ? std::make_unique<Member[]>(static_cast<std::size_t>(threads))
                                               : nullptr),
      limit_(threads) {
  if (!members_) {
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
  job_.fetch_add(1);
  job_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::set_limit(int limit) {
  limit_.store(std::clamp(limit, 1, threads_));
  limit_.notify_all();
}

void ThreadPool::run(std::int64_t tasks, Task fn) {
  if (tasks <= 0) return;
  const std::lock_guard turn(turn_);
  adopt_caller();
  const int limit = this->limit();
  if (limit == 1 || tasks == 1) {
    for (std::int64_t task = 0; task < tasks; ++task) fn(task, 0);
    return;
  }
  begin_job(tasks, fn, limit);
  const std::int32_t done = take_pieces(0, limit);
  if (unfinished_.fetch_sub(done, std::memory_order_acq_rel) != done) wait_for_end(limit);
  // Nobody writes it now: every piece is done.
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

void ThreadPool::adopt_caller() {
  members_[0].handle.adopt_caller();
  // Where the system refuses, the thread computes unpinned.
  if (!cpus_.empty()) pin_caller(cpus_[0]);
}

void ThreadPool::begin_job(std::int64_t tasks, const Task& fn, int limit) {
  if (cpus_.empty()) call_absent(limit);
  task_ = &fn;
  tasks_ = tasks;
  pieces_ = std::min(tasks, limit * kPiecesPerThread);
  unfinished_.store(static_cast<std::int32_t>(pieces_), std::memory_order_relaxed);
  for (int w = 0; w < limit; ++w) {
    Member& member = members_[static_cast<std::size_t>(w)];
    member.end = static_cast<std::int32_t>(pieces_ * (w + 1) / limit);
    const auto first = static_cast<std::int32_t>(pieces_ * w / limit);
    member.left.store(member.end - first, std::memory_order_release);
  }
  // A worker counts itself among the sleepers before it looks at the number for the last time.
  job_.fetch_add(1);
  if (sleepers_.load() > 0) job_.notify_all();
}

// Workers that have missed jobs for a while are runnable, but on a processor that is taken: often the
// caller's own, on which they were woken. At most one is moved at a time.
void ThreadPool::call_absent(int limit) {
  const std::uint32_t last = job_.load(std::memory_order_relaxed);
  for (int w = 1; w < limit; ++w) {
    Member& member = members_[static_cast<std::size_t>(w)];
    if (member.seen_job.load(std::memory_order_relaxed) == last || last == 0) {
      member.absent_since = {};
      continue;
    }
    const auto now = Clock::now();
    if (member.absent_since == Clock::time_point{}) member.absent_since = now;
    if (now - member.absent_since < kAbsence) continue;
    member.absent_since = now;
    int taken[64];
    std::size_t count = 0;
    taken[count++] = current_cpu();
    for (int other = 1; other < limit && count < std::size(taken); ++other) {
      const Member& present = members_[static_cast<std::size_t>(other)];
      if (present.seen_job.load(std::memory_order_relaxed) == last) {
        taken[count++] = present.cpu.load(std::memory_order_relaxed);
      }
    }
    member.handle.send_away({taken, count});
    return;
  }
}

std::int32_t ThreadPool::take_pieces(int worker, int limit) {
  std::int32_t done = 0;
  for (int turn = 0; turn < limit; ++turn) {
    Member& owner = members_[static_cast<std::size_t>((worker + turn) % limit)];
    while (owner.left.load(std::memory_order_relaxed) > 0) {
      const std::int32_t left = owner.left.fetch_sub(1, std::memory_order_acq_rel);
      if (left <= 0) break;
      run_piece(owner.end - left, worker);
      ++done;
    }
  }
  return done;
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

void ThreadPool::wait_for_end(int limit) {
  const auto ended = [this] { return unfinished_.load(std::memory_order_acquire) == 0; };
  if (spin(kPatience, ended)) return;
  if (limit > 1) bring_a_stopped_thread(0);
  if (spin(kSpinTime - kPatience, ended)) return;
  caller_sleeps_.store(true);
  for (std::int32_t left = unfinished_.load(); left != 0; left = unfinished_.load()) unfinished_.wait(left);
  caller_sleeps_.store(false);
}

// Before `self` sleeps: a thread that it waits for, and that has no processor, gets this one.
void ThreadPool::bring_a_stopped_thread(int self) {
  if (!cpus_.empty()) return;
  for (int other = 0; other < limit(); ++other) {
    const Member& member = members_[static_cast<std::size_t>(other)];
    // The caller is waited for also between two jobs.
    if (other == self || (other > 0 && !member.is_working.load(std::memory_order_relaxed))) continue;
    if (!member.handle.is_running() && member.handle.bring_here()) return;
  }
}

void ThreadPool::work(int worker) {
  Member& self = members_[static_cast<std::size_t>(worker)];
  self.handle.adopt_caller();
  if (!cpus_.empty()) {
    pin_caller(cpus_[static_cast<std::size_t>(worker) % cpus_.size()]);
  }
  std::uint32_t seen = 0;
  const auto is_new = [&] { return job_.load(std::memory_order_acquire) != seen; };
  while (!stopping_.load()) {
    for (int limit = limit_.load(); worker >= limit && !stopping_.load(); limit = limit_.load()) {
      limit_.wait(limit);
    }
    if (!spin(kPatience, is_new)) {
      bring_a_stopped_thread(worker);
      if (!spin(kSpinTime - kPatience, is_new)) {
        sleepers_.fetch_add(1);
        while (!is_new()) job_.wait(seen);
        sleepers_.fetch_sub(1);
      }
    }
    self.is_working.store(true, std::memory_order_relaxed);
    seen = job_.load(std::memory_order_acquire);
    self.seen_job.store(seen, std::memory_order_relaxed);
    self.cpu.store(current_cpu(), std::memory_order_relaxed);
    const int limit = this->limit();
    const std::int32_t done = worker < limit ? take_pieces(worker, limit) : 0;
    if (done > 0 && unfinished_.fetch_sub(done) == done && caller_sleeps_.load()) unfinished_.notify_one();
    self.is_working.store(false, std::memory_order_relaxed);
  }
}

}  // namespace millrace
