#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "runtime/sampling.hpp"

namespace millrace {

// What ends a sequence, beside its caller.
struct StopRules {
  std::vector<std::int32_t> stop_token_ids;
  std::int64_t min_tokens = 0;
  std::int64_t max_tokens = 0;
};

// A token mask that is handed from the JavaScript thread to the step thread, used once.
class MaskExchange {
 public:
  // Replaces a mask that was not used yet.
  void put(std::vector<std::int32_t> mask);
  // Waits for a mask; nothing when none came in time or the slot was closed.
  std::optional<std::vector<std::int32_t>> take(std::chrono::steady_clock::time_point deadline);
  void close();

 private:
  std::mutex mutex_;
  std::condition_variable ready_;
  std::optional<std::vector<std::int32_t>> mask_;
  bool closed_ = false;
};

// The sampling state of one sequence. The JavaScript thread makes it and may close it at any time; in
// between it belongs to the step thread. Queued steps share it, so a slot's id can be used again at once.
struct SlotState {
  SamplingParams params;
  StopRules stop;
  TokenCounts counts;
  std::int32_t last_token = -1;
  std::int64_t sampled = 0;  // tokens
  bool finished = false;
  std::atomic<bool> closed{false};
  MaskExchange mask;

  // Notes a sampled token; true when it ends the sequence by a stop id (`stopped`) or by length.
  bool accept(std::int32_t token, bool& stopped);
};

}  // namespace millrace
