#include "device/host_copies.hpp"

#include <algorithm>
#include <cstring>
#include <string>

namespace millrace::gpu {
namespace {

constexpr std::int64_t kAlignment = 256;

}  // namespace

HostCopies::HostCopies(Stream& stream, std::int64_t pinned_bytes)
    : stream_(stream),
      bytes_(pinned_bytes),
      memory_(static_cast<std::byte*>(allocate_pinned(pinned_bytes))) {}

HostCopies::~HostCopies() {
  release_pinned(memory_);
}

void HostCopies::to_device(void* to, const void* from, std::int64_t bytes) {
  for (std::int64_t done = 0; done < bytes;) {
    const std::int64_t part = std::min(bytes - done, bytes_);
    std::byte* pinned = take(part);
    std::memcpy(pinned, static_cast<const std::byte*>(from) + done, static_cast<std::size_t>(part));
    stream_.copy_to_device(static_cast<std::byte*>(to) + done, pinned, part);
    done += part;
  }
}

void HostCopies::to_host(void* to, const void* from, std::int64_t bytes) {
  for (std::int64_t done = 0; done < bytes;) {
    const std::int64_t part = std::min(bytes - done, bytes_);
    std::byte* pinned = take(part);
    stream_.copy_to_host(pinned, static_cast<const std::byte*>(from) + done, part);
    waiting_.push_back({static_cast<std::byte*>(to) + done, pinned, part});
    done += part;
  }
}

std::byte* HostCopies::take(std::int64_t bytes) {
  if (std::byte* found = try_take(bytes)) return found;
  stream_.synchronize();
  finish();
  if (std::byte* found = try_take(bytes)) return found;
  throw GpuError(GpuError::Kind::kOther, "a copy of " + std::to_string(bytes) +
                                             " bytes in one piece; there are " + std::to_string(bytes_) +
                                             " of pinned memory");
}

std::byte* HostCopies::try_take(std::int64_t bytes) {
  if (bytes > bytes_ - used_) return nullptr;
  std::byte* found = memory_ + used_;
  used_ = std::min(bytes_, used_ + (bytes + kAlignment - 1) / kAlignment * kAlignment);
  return found;
}

void HostCopies::finish() {
  for (const Waiting& copy : waiting_) std::memcpy(copy.to, copy.from, static_cast<std::size_t>(copy.bytes));
  drop();
}

void HostCopies::drop() {
  waiting_.clear();
  used_ = 0;
}

}  // namespace millrace::gpu
