#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "platform/runtime.hpp"
#include "runtime/device.hpp"

namespace millrace::gpu {

// Copies of KV blocks to pinned memory of the host and back, on a stream of their own, beside what computes.
// A layer's copies wait for what was queued before them; what touches the layer later waits for them.
class KvSwaps {
 public:
  explicit KvSwaps(Stream& compute) : compute_(compute) {}

  void copy_out(const KvLayer& kv, HostLayer host, std::span<const BlockCopy> copies);
  void copy_in(const KvLayer& kv, HostLayer host, std::span<const BlockCopy> copies);
  // Before an operation reads or writes blocks of the layer.
  void settle(const KvLayer& kv);
  // Whether some layer has copies that nothing waits for yet.
  [[nodiscard]] bool is_pending() const { return num_pending_ > 0; }
  // Waits until there are none, before host memory is given back.
  void wait() { stream_.synchronize(); }

 private:
  struct Layer {
    const void* keys;  // which layer it is
    std::unique_ptr<Event> copied;
    bool is_pending;
  };
  void copy(const KvLayer& kv, HostLayer host, std::span<const BlockCopy> copies, bool out);
  void copy_runs(const KvLayer& kv, HostLayer host, std::span<const BlockCopy> copies, bool out);
  // How many of the copies, from the first on, write no block twice: a sequence may have given its host
  // blocks back before it was swapped out, and another got them.
  std::size_t distinct(std::span<const BlockCopy> copies);
  Layer& layer_of(const KvLayer& kv);

  Stream& compute_;
  Stream stream_{true};  // its few blocks would wait for all of a large product's otherwise
  Event queued_{false};
  std::vector<Layer> layers_;
  int num_pending_ = 0;
  std::vector<std::uint64_t> written_;  // by block: the last round that wrote it
  std::uint64_t round_ = 0;
};

}  // namespace millrace::gpu
