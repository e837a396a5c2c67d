#pragma once
#include <atomic>
#include <cstdint>
#include <unordered_map>

namespace millrace::gpu {

// What tests set and read of the one emulated card.
struct EmulatedCard {
  std::int64_t total_bytes = std::int64_t{1} << 30;
  std::int64_t used_bytes = 0;
  std::atomic<bool> fail_next = false;  // the next synchronize() loses the card
  std::atomic<std::int64_t> launches = 0, captures = 0, replays = 0, synchronizations = 0;
  std::unordered_map<void*, std::int64_t> allocations = {};
};

EmulatedCard& emulated_card();

}  // namespace millrace::gpu
