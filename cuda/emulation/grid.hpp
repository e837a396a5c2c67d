// A grid of thread blocks, run on the CPU. A block's threads are fibers: each runs until it must wait for
// others (a barrier, an operation of its warp), and then the next one has its turn. What a thread writes
// before such a point is not seen by one that ran earlier, as on a GPU it might not be: kernels that miss a
// barrier give other results in one of the three orders, or those of the memory's first contents, NaN.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <source_location>

namespace millrace::emulation {

struct Dim3 {
  unsigned x = 1, y = 1, z = 1;
};

enum class FiberOrder : std::uint8_t {
  kForward,
  kBackward,  // and a warp goes on until it is at a barrier, far ahead of the others
  kShuffled
};

// In which order blocks, and the threads of a block, have their turns from now on. `seed` is for kShuffled.
void set_fiber_order(FiberOrder order, std::uint64_t seed = 0);

// Runs `thread` once for each thread of the grid. Throws std::logic_error when a block's threads wait for
// each other in vain, when lanes of a warp meet in different operations, or when the shape is not one that a
// GPU takes; and what `thread` throws.
//
// An early grid begins before the kernel before it has ended. Of two of its blocks all threads run up to
// wait_for_previous_kernel() with the card's memory shut, but for what is sealed: std::logic_error when one
// touches it, or ends without having waited.
void run_grid(Dim3 grid, Dim3 block, std::size_t shared_bytes, bool early,
              const std::function<void()>& thread);

// For the thread that runs, inside run_grid.
[[nodiscard]] Dim3 thread_index();
[[nodiscard]] Dim3 block_index();
[[nodiscard]] Dim3 block_dim();
[[nodiscard]] Dim3 grid_dim();
[[nodiscard]] int lane();

// The block's shared memory, filled with ones (NaN in every float format) when the block begins. Throws
// std::logic_error when more is asked for than the launch gave.
[[nodiscard]] void* shared_memory(std::size_t bytes);
void block_barrier(const std::source_location& place);
// Of the lanes in `mask`.
void warp_barrier(std::uint32_t mask, const std::source_location& place);

// For the kernel before this one, by every thread of an early grid; nothing to do in another.
void wait_for_previous_kernel(const std::source_location& place);

// An operation of the warp's lanes in `mask` together. Each lane brings a payload that it keeps alive until
// this returns; the last lane to arrive calls operation(payloads, mask), where payloads[lane] is null for
// lanes outside the mask. Throws std::logic_error when the lane itself is not in the mask.
using WarpOperation = void (*)(void* const payloads[32], std::uint32_t mask);
void warp_collective(std::uint32_t mask, void* payload, WarpOperation operation);

// For a lane that reads from one that does not take part.
[[noreturn]] void throw_absent_lane();

// Copies that a thread began and that are not seen before it waits for them. A null source writes zeros.
void copy_async(void* to, const void* from, std::size_t bytes);
void commit_async_copies();
// Finishes all but the last `pending` groups that were committed.
void wait_async_copies(int pending, const std::source_location& place);

}  // namespace millrace::emulation
