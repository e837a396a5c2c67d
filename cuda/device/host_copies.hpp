#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "platform/runtime.hpp"

namespace millrace::gpu {

// Copies between the host's memory and the card's, on one stream and by way of pinned memory, so that no call
// waits and what is copied from may change at once. When the pinned memory is full, a call waits for the
// stream.
class HostCopies {
 public:
  HostCopies(Stream& stream, std::int64_t pinned_bytes);
  ~HostCopies();
  HostCopies(const HostCopies&) = delete;
  HostCopies& operator=(const HostCopies&) = delete;

  void to_device(void* to, const void* from, std::int64_t bytes);
  // `to` is written by finish() at the latest.
  void to_host(void* to, const void* from, std::int64_t bytes);
  // Pinned memory for a copy that the caller makes, until finish(). Throws GpuError when it has not as many.
  std::byte* take(std::int64_t bytes);
  // The stream has been waited for.
  void finish();
  // The stream's work is lost.
  void drop();

 private:
  struct Waiting {
    void* to;
    const std::byte* from;
    std::int64_t bytes;
  };
  std::byte* try_take(std::int64_t bytes);

  Stream& stream_;
  const std::int64_t bytes_;
  std::byte* const memory_;
  std::int64_t used_ = 0;
  std::vector<Waiting> waiting_;
};

}  // namespace millrace::gpu
