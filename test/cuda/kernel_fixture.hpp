// Memory of the emulated card, and kernels run in every order of their threads.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <span>
#include <vector>

#include "barrier_check.hpp"
#include "emulation/grid.hpp"
#include "harness.hpp"
#include "platform/float_types.hpp"
#include "platform/runtime.hpp"

namespace millrace::test {

// An array on the card, filled with NaN unless values are given. It begins at a multiple of 16, and ends
// where its memory does, so that the emulation sees what is used behind it; unless a whole beginning is
// wanted, as the card gives it.
enum class Begin : std::uint8_t { kAtEnd, kWhole };

template <typename T>
class CardArray {
 public:
  explicit CardArray(std::int64_t count, Begin begin = Begin::kAtEnd)
      : count_(count), memory_(gpu::allocate(std::max<std::int64_t>(1, rounded_up(bytes(), 256)))) {
    const std::int64_t before =
        begin == Begin::kWhole ? 0 : rounded_up(bytes(), 256) - rounded_up(bytes(), 16);
    data_ = static_cast<std::byte*>(memory_) + before;
  }
  explicit CardArray(std::span<const T> values, Begin begin = Begin::kAtEnd)
      : CardArray(static_cast<std::int64_t>(values.size()), begin) {
    if (!values.empty()) std::memcpy(data_, values.data(), values.size_bytes());
  }
  ~CardArray() { gpu::release(memory_); }
  CardArray(const CardArray&) = delete;
  CardArray& operator=(const CardArray&) = delete;

  // As a weight: from now on only read.
  void seal() { gpu::seal(memory_); }
  [[nodiscard]] T* data() const { return static_cast<T*>(data_); }
  [[nodiscard]] std::vector<T> values() const { return {data(), data() + count_}; }
  [[nodiscard]] std::int64_t bytes() const { return count_ * static_cast<std::int64_t>(sizeof(T)); }

 private:
  static std::int64_t rounded_up(std::int64_t bytes, std::int64_t unit) {
    return (bytes + unit - 1) / unit * unit;
  }

  std::int64_t count_;
  void *memory_, *data_ = nullptr;
};

// As T, rounded; and back.
template <typename T>
std::vector<T> rounded(std::span<const float> values) {
  std::vector<T> out;
  for (const float value : values) out.push_back(gpu::from_float<T>(value));
  return out;
}

template <typename T>
std::vector<float> widened(std::span<const T> values) {
  std::vector<float> out;
  for (const T value : values) out.push_back(gpu::to_float(value));
  return out;
}

inline std::vector<float> random_values(std::mt19937_64& rng, std::int64_t count, float scale = 1) {
  std::normal_distribution<float> distribution(0, scale);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = distribution(rng);
  return values;
}

// The larger of two differences; NaN when one of them is.
template <typename T>
T worse_of(T worst, T difference) {
  return std::isnan(worst) || difference <= worst ? worst : difference;
}

// Runs `body` with the threads of every block forward, backward and shuffled.
template <typename Body>
void in_every_order(const Body& body) {
  for (const auto order : {emulation::FiberOrder::kForward, emulation::FiberOrder::kBackward,
                           emulation::FiberOrder::kShuffled}) {
    emulation::set_fiber_order(order, seed());
    body();
  }
  emulation::set_fiber_order(emulation::FiberOrder::kForward);
}

}  // namespace millrace::test
