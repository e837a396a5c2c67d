#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/device.hpp"

namespace millrace {

// Bytes that the CPU devices of a process took, against what the machine or its container has.
class MemoryBudget {
 public:
  explicit MemoryBudget(std::int64_t limit_bytes) : limit_bytes_(limit_bytes) {}
  [[nodiscard]] std::int64_t limit_bytes() const { return limit_bytes_; }
  [[nodiscard]] std::int64_t used_bytes() const { return used_bytes_.load(); }
  // Throws ERR_OUT_OF_MEMORY with the numbers; `device` is for the message.
  void take(std::int64_t bytes, const std::string& device);
  void give_back(std::int64_t bytes) { used_bytes_ -= bytes; }

 private:
  const std::int64_t limit_bytes_;
  std::atomic<std::int64_t> used_bytes_ = 0;
};

// Zeroed, aligned to 64 bytes. From 256 KiB on, to a page, and the system gives no page before it is first
// used; from 4 MiB on, with huge pages asked for.
std::unique_ptr<Buffer> allocate_cpu_buffer(std::int64_t bytes, const std::string& device,
                                            std::shared_ptr<MemoryBudget> budget);

// Has the system give the pages of [memory, memory + bytes), whose contents stay. Nobody else may write there
// meanwhile.
void touch_pages(std::byte* memory, std::int64_t bytes);

// Memory for weights: many pieces of very different sizes that are read over and over. They share mappings of
// whole huge pages, which cost fewer misses of the address cache and let the hardware prefetch further.
class WeightMemory {
 public:
  WeightMemory(std::string device, std::shared_ptr<MemoryBudget> budget)
      : device_(std::move(device)), budget_(std::move(budget)) {}
  // Zeroed, aligned to 64 bytes. Keeps its mapping alive. Throws ERR_OUT_OF_MEMORY with the numbers.
  std::shared_ptr<std::byte> take(std::int64_t bytes);

 private:
  struct Mapping;
  struct Open {
    std::weak_ptr<Mapping> mapping;  // lives as long as what was taken from it
    std::int64_t used_bytes;
  };
  static std::shared_ptr<std::byte> take_from(Open& open, const std::shared_ptr<Mapping>& mapping,
                                              std::int64_t size);

  const std::string device_;
  const std::shared_ptr<MemoryBudget> budget_;
  std::vector<Open> open_;  // first fit: a tail that nothing fits is 2 MiB that are used for one page
};

// Working memory of operations, aligned to 64 bytes: one run of floats per slot, which grows to the largest
// that was asked for and then stays. Slots may be used from different threads at once.
class Scratch {
 public:
  explicit Scratch(int slots) : slots_(static_cast<std::size_t>(slots)) {}
  // Not zeroed; valid until the next call for this slot.
  float* floats(int slot, std::int64_t count);

 private:
  struct Free {
    void operator()(float* memory) const;
  };
  struct alignas(64) Slot {
    std::unique_ptr<float, Free> memory;
    std::int64_t count = 0;
  };
  std::vector<Slot> slots_;
};

}  // namespace millrace
