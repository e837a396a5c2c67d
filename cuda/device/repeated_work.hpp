#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "platform/runtime.hpp"

namespace millrace::gpu {

// Graphs of work that comes again, by key. What comes the first time is done as it is, so that kernels are on
// the card when it is recorded, the second time; from the third on it is replayed. What could not be recorded
// is done as it is from then on. Keys that have not come for the longest time make place for others.
class RepeatedWork {
 public:
  static constexpr std::size_t kMostGraphs = 96;

  explicit RepeatedWork(Stream& stream) : stream_(stream) {}

  enum class Next : std::uint8_t { kDone, kRecord, kQueue };
  // kDone: the work is queued. kRecord: the caller queues it and calls end(), or drop() when that fails.
  // kQueue: the caller queues it.
  Next begin(std::uint64_t key);
  // When it throws, nothing of the work is queued.
  void end();
  void drop();
  [[nodiscard]] bool is_recording() const { return recording_ != nullptr; }

 private:
  struct Entry {
    std::uint64_t key;
    std::int64_t last_use;
    std::optional<Graph> graph = std::nullopt;
    bool is_refused = false;
  };

  Stream& stream_;
  std::vector<Entry> entries_;
  Entry* recording_ = nullptr;
  std::int64_t uses_ = 0;
};

}  // namespace millrace::gpu
