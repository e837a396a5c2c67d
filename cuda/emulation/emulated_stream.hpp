#pragma once
#include <cstdint>
#include <functional>

namespace millrace::gpu {

// What libraries get for a stream of an emulated card.
class EmulatedStream {
 public:
  virtual ~EmulatedStream() = default;
  // Queues it and returns its position.
  virtual std::uint64_t add(std::function<void()> work) = 0;
  // Does what is queued up to there.
  virtual void run_until(std::uint64_t position) = 0;
};

}  // namespace millrace::gpu
