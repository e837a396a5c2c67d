#include "emulation/grid.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <new>
#include <numeric>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "emulation/card_pages.hpp"
#include "emulation/fiber.hpp"
#include "emulation/waits.hpp"

namespace millrace::emulation {
namespace {

constexpr unsigned kWarpLanes = 32;
constexpr unsigned kMostThreads = 1024;
// The largest dynamic shared memory of a block on sm_86 and sm_89; sm_80 and sm_90 have more.
constexpr std::size_t kMostSharedBytes = 99 * 1024;
constexpr int kPoison = 0xFF;
constexpr std::size_t kSharedAlignment = 128;

enum class ThreadState : std::uint8_t { kReady, kAtBarrier, kInWarp, kAtPrevious, kDone };

struct AsyncCopy {
  void* to;
  const void* from;
  std::size_t bytes;
};

struct Thread {
  Fiber fiber;
  ThreadState state = ThreadState::kDone;
  Dim3 index;
  unsigned linear = 0;
  bool has_waited = false;  // for the previous kernel
  std::vector<AsyncCopy> open_copies;
  std::deque<std::vector<AsyncCopy>> committed_copies;
};

// Lanes of one warp that have met, or wait to.
struct Meeting {
  std::uint32_t mask = 0;
  std::uint32_t arrived = 0;
  WarpOperation operation = nullptr;
  void* payloads[kWarpLanes] = {};
};

struct FreeMemory {
  void operator()(std::byte* memory) const { std::free(memory); }
};

struct Block {
  Dim3 grid, dim, index;
  unsigned num_threads = 0;
  std::size_t shared_bytes = 0;
  bool is_early = false;
  bool is_ahead = false;  // the kernel before it runs
  // Of the launch's size to the byte, so that AddressSanitizer sees what is used beyond it.
  std::unique_ptr<std::byte, FreeMemory> shared;
  std::vector<std::vector<Meeting>> meetings;  // of each warp
};

struct Emulator {
  FiberOrder order = FiberOrder::kForward;
  std::uint64_t seed = 0;
  Block block;
  std::vector<std::unique_ptr<Thread>> threads;  // kept between launches, for their stacks
  Thread* current = nullptr;
};

Emulator& emulator() {
  thread_local Emulator instance;
  return instance;
}

Thread& current() {
  Thread* thread = emulator().current;
  if (thread == nullptr) throw std::logic_error("device code was called outside a launch");
  return *thread;
}

void wait(ThreadState state) {
  current().state = state;
  Fiber::yield();
}

std::vector<unsigned> turns(unsigned count, std::uint64_t salt) {
  std::vector<unsigned> order(count);
  std::iota(order.begin(), order.end(), 0U);
  const Emulator& emulated = emulator();
  if (emulated.order == FiberOrder::kBackward) std::reverse(order.begin(), order.end());
  if (emulated.order == FiberOrder::kShuffled) {
    std::mt19937_64 rng(emulated.seed + salt);
    std::shuffle(order.begin(), order.end(), rng);
  }
  return order;
}

void check_shape(Dim3 grid, Dim3 block, std::size_t shared_bytes) {
  const auto refuse = [](const std::string& what) { throw std::logic_error("launch: " + what); };
  if (grid.x == 0 || grid.y == 0 || grid.z == 0 || block.x == 0 || block.y == 0 || block.z == 0)
    refuse("a dimension is 0");
  if (grid.x > 0x7FFFFFFFU || grid.y > 0xFFFFU || grid.z > 0xFFFFU) refuse("the grid is too large");
  if (block.x * block.y * block.z > kMostThreads || block.z > 64) refuse("the block is too large");
  if (shared_bytes > kMostSharedBytes) {
    refuse(std::to_string(shared_bytes) + " bytes of shared memory; " + std::to_string(kMostSharedBytes) +
           " is the most that all cards have");
  }
}

std::byte* allocate_shared(std::size_t bytes) {
  if (bytes == 0) return nullptr;
  void* memory = nullptr;
  if (posix_memalign(&memory, kSharedAlignment, bytes) != 0) throw std::bad_alloc();
  return static_cast<std::byte*>(memory);
}

[[noreturn]] void report_deadlock(std::span<const std::unique_ptr<Thread>> threads) {
  std::string text = "the threads of a block wait in vain:";
  int barrier = 0, warp = 0, previous = 0, done = 0;
  for (const auto& thread : threads) {
    barrier += thread->state == ThreadState::kAtBarrier ? 1 : 0;
    warp += thread->state == ThreadState::kInWarp ? 1 : 0;
    previous += thread->state == ThreadState::kAtPrevious ? 1 : 0;
    done += thread->state == ThreadState::kDone ? 1 : 0;
  }
  if (previous > 0) text += " " + std::to_string(previous) + " for the kernel before,";
  throw std::logic_error(text + " " + std::to_string(barrier) + " at a barrier, " + std::to_string(warp) +
                         " in an operation of their warp, " + std::to_string(done) + " have ended");
}

void end_thread(Thread& thread) {
  thread.state = ThreadState::kDone;
  if (emulator().block.is_early && !thread.has_waited)
    throw std::logic_error("a kernel that may start early ends without having waited for the one before it");
}

// The kernel before this one has ended.
void let_catch_up() {
  emulator().block.is_ahead = false;
  open_pages(true);
}

// Lets every thread run until it waits or ends, again and again. Throws when none can.
void run_threads(std::span<const std::unique_ptr<Thread>> threads, std::span<const unsigned> order) {
  const bool greedy = emulator().order == FiberOrder::kBackward;
  const auto run_ready = [&](std::span<const unsigned> turns_of) {
    bool any_ran = false;
    for (const unsigned i : turns_of) {
      Thread& thread = *threads[i];
      if (thread.state != ThreadState::kReady) continue;
      emulator().current = &thread;
      thread.fiber.resume();
      if (thread.fiber.done()) end_thread(thread);
      any_ran = true;
    }
    return any_ran;
  };
  while (true) {
    bool any_ran = false, any_waits = false, all_at_barrier = true, all_at_previous = true;
    for (std::size_t first = 0; first < order.size(); first += kWarpLanes) {
      const auto warp = order.subspan(first, std::min<std::size_t>(kWarpLanes, order.size() - first));
      while (run_ready(warp)) {
        any_ran = true;
        if (!greedy) break;
      }
    }
    for (const auto& thread : threads) {
      all_at_previous = all_at_previous && thread->state == ThreadState::kAtPrevious;
      if (thread->state == ThreadState::kDone) continue;
      any_waits = true;
      all_at_barrier = all_at_barrier && thread->state == ThreadState::kAtBarrier;
    }
    if (!any_waits) return;
    if (all_at_previous) let_catch_up();
    if (all_at_barrier || all_at_previous) {
      for (const auto& thread : threads) {
        if (thread->state != ThreadState::kDone) thread->state = ThreadState::kReady;
      }
    } else if (!any_ran) {
      report_deadlock(threads);
    }
  }
}

void run_block(const std::function<void()>& body) {
  Emulator& emulated = emulator();
  Block& block = emulated.block;
  if (block.shared != nullptr) std::memset(block.shared.get(), kPoison, block.shared_bytes);
  block.meetings.assign((block.num_threads + kWarpLanes - 1) / kWarpLanes, {});
  while (emulated.threads.size() < block.num_threads) emulated.threads.push_back(std::make_unique<Thread>());
  const std::span threads(emulated.threads.data(), block.num_threads);
  for (unsigned i = 0; i < block.num_threads; ++i) {
    Thread& thread = *threads[i];
    thread.linear = i;
    thread.index = {i % block.dim.x, i / block.dim.x % block.dim.y, i / (block.dim.x * block.dim.y)};
    thread.has_waited = false;
    thread.open_copies.clear();
    thread.committed_copies.clear();
    thread.fiber.start(body);
    thread.state = ThreadState::kReady;
  }
  const std::uint64_t salt = (block.index.z * 65536ULL + block.index.y) * 65536ULL + block.index.x;
  run_threads(threads, turns(block.num_threads, salt + 1));
}

}  // namespace

void set_fiber_order(FiberOrder order, std::uint64_t seed) {
  emulator().order = order;
  emulator().seed = seed;
}

void run_grid(Dim3 grid, Dim3 block, std::size_t shared_bytes, bool early,
              const std::function<void()>& thread) {
  check_shape(grid, block, shared_bytes);
  Emulator& emulated = emulator();
  emulated.block.grid = grid;
  emulated.block.dim = block;
  emulated.block.num_threads = block.x * block.y * block.z;
  emulated.block.shared_bytes = shared_bytes;
  emulated.block.shared.reset(allocate_shared(shared_bytes));
  emulated.block.is_early = early;
  try {
    const auto order = turns(grid.x * grid.y * grid.z, 0);
    for (const unsigned i : order) {
      emulated.block.index = {i % grid.x, i / grid.x % grid.y, i / (grid.x * grid.y)};
      emulated.block.is_ahead = early && (i == order.front() || i == order.back());
      open_pages(!emulated.block.is_ahead);
      run_block(thread);
    }
  } catch (...) {
    let_catch_up();
    // Fibers in the middle of their function cannot be taken up again: their stacks go.
    emulated.threads.clear();
    emulated.current = nullptr;
    throw;
  }
  emulated.current = nullptr;
}

Dim3 thread_index() {
  return current().index;
}

Dim3 block_index() {
  return emulator().block.index;
}

Dim3 block_dim() {
  return emulator().block.dim;
}

Dim3 grid_dim() {
  return emulator().block.grid;
}

int lane() {
  return static_cast<int>(current().linear % kWarpLanes);
}

void* shared_memory(std::size_t bytes) {
  Block& block = emulator().block;
  if (bytes > block.shared_bytes) {
    throw std::logic_error("a kernel uses " + std::to_string(bytes) +
                           " bytes of shared memory; its launch gave " + std::to_string(block.shared_bytes));
  }
  return block.shared.get();
}

void block_barrier(const std::source_location& place) {
  if (!is_left_out(place)) wait(ThreadState::kAtBarrier);
}

void wait_for_previous_kernel(const std::source_location& place) {
  if (!emulator().block.is_early || is_left_out(place, " start")) return;
  current().has_waited = true;
  if (emulator().block.is_ahead) wait(ThreadState::kAtPrevious);
}

void warp_barrier(std::uint32_t mask, const std::source_location& place) {
  if (!is_left_out(place)) warp_collective(mask, nullptr, [](void* const*, std::uint32_t) {});
}

void warp_collective(std::uint32_t mask, void* payload, WarpOperation operation) {
  Thread& thread = current();
  const std::uint32_t bit = 1U << (thread.linear % kWarpLanes);
  if ((mask & bit) == 0) throw std::logic_error("a lane is not in the mask of its warp's operation");
  auto& meetings = emulator().block.meetings[thread.linear / kWarpLanes];
  auto meeting =
      std::find_if(meetings.begin(), meetings.end(), [&](const Meeting& m) { return (m.mask & mask) != 0; });
  if (meeting == meetings.end()) {
    meetings.push_back({mask, 0, operation, {}});
    meeting = meetings.end() - 1;
  }
  if (meeting->mask != mask || meeting->operation != operation || (meeting->arrived & bit) != 0)
    throw std::logic_error("lanes of a warp meet in different operations");
  meeting->arrived |= bit;
  meeting->payloads[thread.linear % kWarpLanes] = payload;
  if (meeting->arrived != mask) return wait(ThreadState::kInWarp);
  operation(meeting->payloads, mask);
  meetings.erase(meeting);
  const unsigned first = thread.linear / kWarpLanes * kWarpLanes;
  for (unsigned i = 0; i < kWarpLanes; ++i) {
    if ((mask >> i & 1U) != 0) emulator().threads[first + i]->state = ThreadState::kReady;
  }
}

void throw_absent_lane() {
  throw std::logic_error("a lane reads from a lane of its warp that does not take part");
}

void copy_async(void* to, const void* from, std::size_t bytes) {
  // On a card it may be done at once.
  if (from != nullptr) (void)*static_cast<const volatile std::byte*>(from);
  current().open_copies.push_back({to, from, bytes});
}

void commit_async_copies() {
  current().committed_copies.push_back(std::move(current().open_copies));
  current().open_copies.clear();
}

void wait_async_copies(int pending, const std::source_location& place) {
  if (is_left_out(place)) return;
  auto& groups = current().committed_copies;
  for (; groups.size() > static_cast<std::size_t>(pending); groups.pop_front()) {
    for (const AsyncCopy& copy : groups.front()) {
      if (copy.from == nullptr) {
        std::memset(copy.to, 0, copy.bytes);
      } else {
        std::memcpy(copy.to, copy.from, copy.bytes);
      }
    }
  }
}

}  // namespace millrace::emulation
