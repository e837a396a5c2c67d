// Blocks that count themselves when they have written their part of something, so that the last one can read
// all of it.
#pragma once
#include "platform/block.hpp"

namespace millrace::gpu {

// Adds to a counter; returns what it was. By one thread of a block, between two barriers: what
// the block has written before is seen by the block of whoever counts later. An operation that releases and
// acquires waits less than two of __threadfence(), which order all of the card's writes into one sequence.
__device__ inline int count_arrival(int* counter, int amount) {
#if defined(__CUDA_ARCH__)
  int before;
  asm volatile("atom.acq_rel.gpu.global.add.s32 %0, [%1], %2;"
               : "=r"(before)
               : "l"(counter), "r"(amount)
               : "memory");
  return before;
#else
  return atomicAdd(counter, amount);
#endif
}

}  // namespace millrace::gpu
