#pragma once
#include <cstdint>
#include <utility>

#include "platform/runtime.hpp"

namespace millrace::gpu {

// Memory of the card, given back when it goes. Empty at first.
class CardMemory {
 public:
  CardMemory() = default;
  explicit CardMemory(std::int64_t bytes) : data_(bytes > 0 ? allocate(bytes) : nullptr), bytes_(bytes) {}
  ~CardMemory() {
    if (data_ != nullptr) release(data_);
  }
  CardMemory(CardMemory&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  CardMemory& operator=(CardMemory&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }

  [[nodiscard]] void* data() const { return data_; }
  [[nodiscard]] std::int64_t bytes() const { return bytes_; }

 private:
  void* data_ = nullptr;
  std::int64_t bytes_ = 0;
};

}  // namespace millrace::gpu
