#pragma once
#include <cstdint>
#include <memory>
#include <span>

#include "runtime/device.hpp"

namespace millrace {

// Exchange between the ranks of a plan. Ranks are numbered over all stages.
class Collective {
 public:
  virtual ~Collective() = default;
  // Sums the ranks' tensors into each of them: `mine` is this rank's. Every rank of the group
  // [first, first + count) calls it, each on its own thread; the sum is there for what is queued next. A rank
  // that failed before calls it all the same; it throws when the sum cannot be taken.
  virtual void all_reduce(int first, int count, int rank, Tensor mine) = 0;
  // Copies a tensor from one rank's device to another's; both are driven by the calling thread.
  virtual void transfer(int from_rank, Tensor from, int to_rank, Tensor to) = 0;
};

// By way of the host's memory; `devices[r]` is rank r's. Sums are taken in F32 and in order of rank.
std::unique_ptr<Collective> make_in_process_collective(std::span<Device* const> devices);

}  // namespace millrace
