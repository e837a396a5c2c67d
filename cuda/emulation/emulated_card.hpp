#pragma once
#include <atomic>
#include <cstdint>
#include <unordered_map>

namespace millrace::gpu {

// What tests set and read of an emulated card.
struct EmulatedCard {
  std::int64_t total_bytes = std::int64_t{1} << 30;
  std::int64_t used_bytes = 0;
  std::atomic<bool> fail_next = false;  // the next synchronize() loses the card
  std::atomic<bool> is_lost = false;    // every look at one of its streams says so
  std::atomic<bool> refuse_captures = false;
  std::atomic<std::int64_t> launches = 0, captures = 0, replays = 0, synchronizations = 0;
  std::atomic<std::int64_t> copies_from_others = 0;
  std::unordered_map<const void*, std::int64_t> allocations = {};
};

constexpr int kMostEmulatedCards = 8;

EmulatedCard& emulated_card(int card = 0);

// How many there are. At first one, or as many as MILLRACE_EMULATED_CARDS lists, which is their memory in
// MiB: "1024,512". MILLRACE_EMULATED_FAILURE names a file: once it exists, cards are lost.
std::atomic<int>& emulated_card_count();

}  // namespace millrace::gpu
