// Times of work on a card, measured by its own events around replays of a graph: the host's time between
// launches is not in them.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "platform/runtime.hpp"

namespace millrace::bench {

class CardTimer {
 public:
  explicit CardTimer(gpu::Stream& stream) : stream_(stream) {}

  // Median microseconds of one call of `work`, which queues the same work every time; `calls` of them are a
  // graph. `i` counts calls, for rotating over more memory than the card caches.
  template <typename Work>
  double measure_us(int calls, const Work& work) {
    constexpr int kRuns = 7;
    // Kernels are loaded, and ways are chosen, before they are recorded.
    work(0);
    stream_.synchronize();
    stream_.begin_capture();
    for (int i = 0; i < calls; ++i) work(i);
    const gpu::Graph graph = stream_.end_capture();
    std::vector<double> us;
    for (int run = 0; run <= kRuns; ++run) {
      stream_.record(begin_);
      stream_.replay(graph);
      stream_.record(end_);
      stream_.synchronize();
      // The first one warms up.
      if (run > 0) us.push_back(gpu::Event::elapsed_ms(begin_, end_) * 1000 / calls);
    }
    std::nth_element(us.begin(), us.begin() + kRuns / 2, us.end());
    return us[kRuns / 2];
  }

 private:
  gpu::Stream& stream_;
  gpu::Event begin_, end_;
};

// Memory of the card, of one owner.
class CardMemory {
 public:
  explicit CardMemory(std::int64_t bytes) : data_(gpu::allocate(std::max<std::int64_t>(bytes, 256))) {}
  ~CardMemory() { gpu::release(data_); }
  CardMemory(const CardMemory&) = delete;
  CardMemory& operator=(const CardMemory&) = delete;
  template <typename T>
  [[nodiscard]] T* as() const {
    return static_cast<T*>(data_);
  }

 private:
  void* data_;
};

}  // namespace millrace::bench
