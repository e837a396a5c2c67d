#include "device/repeated_work.hpp"

#include <algorithm>
#include <utility>

namespace millrace::gpu {

RepeatedWork::Next RepeatedWork::begin(std::uint64_t key) {
  ++uses_;
  const auto found = std::ranges::find(entries_, key, &Entry::key);
  if (found == entries_.end()) {
    if (entries_.size() < kMostGraphs) {
      entries_.push_back({key, uses_});
    } else {
      // A graph of the stream's work may still run: the driver keeps what runs.
      *std::ranges::min_element(entries_, {}, &Entry::last_use) = {key, uses_};
    }
    return Next::kQueue;
  }
  found->last_use = uses_;
  if (found->is_refused) return Next::kQueue;
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
  entry.is_refused = true;
  Graph graph = stream_.end_capture();
  stream_.replay(graph);
  entry.graph = std::move(graph);
  entry.is_refused = false;
}

void RepeatedWork::drop() {
  if (recording_ == nullptr) return;
  std::exchange(recording_, nullptr)->is_refused = true;
  stream_.drop_capture();
}

}  // namespace millrace::gpu
