#include "device/repeated_work.hpp"

#include <algorithm>
#include <utility>

namespace millrace::gpu {

RepeatedWork::Next RepeatedWork::begin(std::uint64_t key) {
  ++uses_;
  const auto found = std::ranges::find(entries_, key, &Entry::key);
  if (found == entries_.end()) {
    if (entries_.size() < kMostGraphs) {
      entries_.push_back({key, uses_, std::nullopt});
    } else {
      // A graph of the stream's work may still run: the driver keeps what runs.
      *std::ranges::min_element(entries_, {}, &Entry::last_use) = {key, uses_, std::nullopt};
    }
    return Next::kQueue;
  }
  found->last_use = uses_;
  if (found->graph) {
    stream_.replay(*found->graph);
    return Next::kDone;
  }
  stream_.begin_capture();
  recording_ = &*found;
  return Next::kRecord;
}

void RepeatedWork::end() {
  Entry& entry = *std::exchange(recording_, nullptr);
  entry.graph = stream_.end_capture();
  stream_.replay(*entry.graph);
}

void RepeatedWork::drop() {
  recording_ = nullptr;
  stream_.drop_capture();
}

}  // namespace millrace::gpu
