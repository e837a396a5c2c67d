#include "cpu/cpu_memory.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include "core/error.hpp"

namespace millrace {
namespace {

constexpr std::int64_t kMappedFrom = 256 << 10;
constexpr std::int64_t kHugeFrom = 4 << 20;
constexpr std::size_t kAlignment = 64;
constexpr std::int64_t kHugePage = 2 << 20;
constexpr std::int64_t kMappingBytes = 16 << 20;  // of weights that share one, at least

std::size_t padded(std::int64_t bytes) {
  return (static_cast<std::size_t>(bytes) + kAlignment - 1) / kAlignment * kAlignment;
}

std::string mebibytes(std::int64_t bytes) {
  return std::to_string(bytes >> 20) + " MiB";
}

void* take_from_system(std::int64_t bytes) {
  if (bytes < kMappedFrom) {
    void* memory = std::aligned_alloc(kAlignment, padded(bytes));
    if (memory != nullptr) std::memset(memory, 0, padded(bytes));
    return memory;
  }
  void* memory = mmap(nullptr, static_cast<std::size_t>(bytes), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
#if defined(MADV_HUGEPAGE)
  // A wish: where the system has no huge pages, small ones serve.
  if (bytes >= kHugeFrom) static_cast<void>(madvise(memory, static_cast<std::size_t>(bytes), MADV_HUGEPAGE));
#endif
  return memory;
}

void give_to_system(void* memory, std::int64_t bytes) {
  if (bytes < kMappedFrom) {
    std::free(memory);
  } else {
    munmap(memory, static_cast<std::size_t>(bytes));
  }
}

class CpuBuffer final : public Buffer {
 public:
  CpuBuffer(std::int64_t bytes, const std::string& device, std::shared_ptr<MemoryBudget> budget)
      : bytes_(bytes), budget_(std::move(budget)) {
    budget_->take(bytes, device);
    memory_ = take_from_system(bytes);
    if (memory_ != nullptr) return;
    budget_->give_back(bytes);
    throw Error("ERR_OUT_OF_MEMORY", device + ": the system has no " + mebibytes(bytes) +
                                         " to give. Take fewer KV blocks or a smaller model, or give the "
                                         "process more memory.");
  }
  ~CpuBuffer() override {
    give_to_system(memory_, bytes_);
    budget_->give_back(bytes_);
  }
  CpuBuffer(const CpuBuffer&) = delete;
  CpuBuffer& operator=(const CpuBuffer&) = delete;

  [[nodiscard]] void* data() override { return memory_; }
  [[nodiscard]] std::int64_t bytes() const override { return bytes_; }

 private:
  std::int64_t bytes_;
  std::shared_ptr<MemoryBudget> budget_;
  void* memory_ = nullptr;
};

}  // namespace

void MemoryBudget::take(std::int64_t bytes, const std::string& device) {
  const std::int64_t before = used_bytes_.fetch_add(bytes);
  if (bytes <= limit_bytes_ - before) return;
  used_bytes_ -= bytes;
  throw Error("ERR_OUT_OF_MEMORY",
              device + ": " + mebibytes(bytes) + " more than the " + mebibytes(before) +
                  " in use are over the " + mebibytes(limit_bytes_) +
                  " that this machine or its container has. Take fewer KV blocks or a smaller model, or give "
                  "the process more memory.");
}

std::unique_ptr<Buffer> allocate_cpu_buffer(std::int64_t bytes, const std::string& device,
                                            std::shared_ptr<MemoryBudget> budget) {
  if (bytes < 0) {
    throw Error("ERR_INVALID_PARAMETER", "bytes must not be negative, but is " + std::to_string(bytes));
  }
  return std::make_unique<CpuBuffer>(bytes == 0 ? 1 : bytes, device, std::move(budget));
}

void touch_pages(std::byte* memory, std::int64_t bytes) {
  constexpr std::int64_t kSmallPage = 4096;
  for (std::int64_t at = 0; at < bytes; at += kSmallPage) {
    volatile std::byte* byte = memory + at;
    *byte = *byte;
  }
  if (bytes > 0) {
    volatile std::byte* last = memory + bytes - 1;
    *last = *last;
  }
}

// A whole number of huge pages, at an address that is one.
struct WeightMemory::Mapping {
  std::byte* start = nullptr;
  std::int64_t bytes = 0;
  std::shared_ptr<MemoryBudget> budget;

  Mapping(std::int64_t size, const std::string& device, std::shared_ptr<MemoryBudget> from)
      : bytes(size), budget(std::move(from)) {
    budget->take(bytes, device);
    const auto wanted = static_cast<std::size_t>(bytes);
    void* memory =
        mmap(nullptr, wanted + kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
      budget->give_back(bytes);
      throw Error("ERR_OUT_OF_MEMORY", device + ": the system has no " + mebibytes(bytes) +
                                           " to give for weights. Take a smaller model, or give the process "
                                           "more memory.");
    }
    const auto address = reinterpret_cast<std::uintptr_t>(memory);
    const std::uintptr_t aligned = (address + kHugePage - 1) / kHugePage * kHugePage;
    if (aligned > address) munmap(memory, aligned - address);
    const std::size_t behind = address + kHugePage - aligned;
    if (behind > 0) munmap(reinterpret_cast<void*>(aligned + wanted), behind);
    start = reinterpret_cast<std::byte*>(aligned);
#if defined(MADV_HUGEPAGE)
    static_cast<void>(madvise(start, wanted, MADV_HUGEPAGE));
#endif
  }
  ~Mapping() {
    munmap(start, static_cast<std::size_t>(bytes));
    budget->give_back(bytes);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
};

std::shared_ptr<std::byte> WeightMemory::take(std::int64_t bytes) {
  const auto size = static_cast<std::int64_t>(padded(bytes));
  std::erase_if(open_, [](const Open& open) { return open.mapping.expired(); });
  for (Open& open : open_) {
    if (std::shared_ptr<Mapping> mapping = open.mapping.lock()) {
      if (size <= mapping->bytes - open.used_bytes) return take_from(open, mapping, size);
    }
  }
  const std::int64_t whole = (std::max(size, kMappingBytes) + kHugePage - 1) / kHugePage * kHugePage;
  const auto mapping = std::make_shared<Mapping>(whole, device_, budget_);
  return take_from(open_.emplace_back(Open{mapping, 0}), mapping, size);
}

std::shared_ptr<std::byte> WeightMemory::take_from(Open& open, const std::shared_ptr<Mapping>& mapping,
                                                   std::int64_t size) {
  std::byte* memory = mapping->start + open.used_bytes;
  open.used_bytes += size;
  return {mapping, memory};
}

void Scratch::Free::operator()(float* memory) const {
  std::free(memory);
}

float* Scratch::floats(int slot, std::int64_t count) {
  Slot& s = slots_[static_cast<std::size_t>(slot)];
  if (count > s.count) {
    const std::size_t bytes = padded(count * 4);
    s.memory.reset(static_cast<float*>(std::aligned_alloc(kAlignment, bytes)));
    s.count = s.memory == nullptr ? 0 : count;
    if (s.memory == nullptr) throw std::bad_alloc();
  }
  return s.memory.get();
}

}  // namespace millrace
