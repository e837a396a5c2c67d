// Sequences that are cut into parts, which blocks compute apart: each leaves its result in the workspace, and
// the last one to end merges all of them, in their order.
#pragma once
#include "platform/arrival.hpp"

namespace millrace::gpu {

// Whether the block is the last to end of those whose `mine` add up to `all`. The counter is zero before and
// after, so that the next launch finds it so. `flag` is of shared memory, and nobody else's meanwhile.
__device__ inline bool ends_last(int* counter, int mine, int all, int& flag) {
  __syncthreads();  // all of the block's threads have written
  if (threadIdx.x == 0) {
    const bool is_last = count_arrival(counter, mine) + mine == all;
    if (is_last) *counter = 0;
    flag = is_last ? 1 : 0;
  }
  __syncthreads();
  return flag == 1;
}

}  // namespace millrace::gpu
