#include "device/kv_swaps.hpp"

#include <algorithm>

#include "core/dtype.hpp"

namespace millrace::gpu {
namespace {

// How many of the copies, from the first on, go from one run of neighbours to another.
std::size_t neighbours(std::span<const BlockCopy> copies) {
  std::size_t count = 1;
  while (count < copies.size() && copies[count].from == copies[count - 1].from + 1 &&
         copies[count].to == copies[count - 1].to + 1)
    ++count;
  return count;
}

}  // namespace

void KvSwaps::copy_out(const KvLayer& kv, HostLayer host, std::span<const BlockCopy> copies) {
  copy(kv, host, copies, true);
}

void KvSwaps::copy_in(const KvLayer& kv, HostLayer host, std::span<const BlockCopy> copies) {
  copy(kv, host, copies, false);
}

void KvSwaps::copy(const KvLayer& kv, HostLayer host, std::span<const BlockCopy> copies, bool out) {
  Layer& layer = layer_of(kv);
  compute_.record(queued_);
  stream_.wait(queued_);
  const std::int64_t bytes =
      storage_bytes(kv.dtype, static_cast<std::int64_t>(kv.num_kv_heads) * kv.block_tokens * kv.head_dim);
  for (std::size_t done = 0; done < copies.size();) {
    const BlockCopy first = copies[done];
    const std::size_t count = neighbours(copies.subspan(done));
    std::byte* on_host = host.data + (out ? first.to : first.from) * host.stride;
    for (void* half : {kv.keys, kv.values}) {
      std::byte* on_card = static_cast<std::byte*>(half) + (out ? first.from : first.to) * bytes;
      if (out) {
        stream_.copy_rows(on_host, host.stride, on_card, bytes, bytes, static_cast<std::int64_t>(count));
      } else {
        stream_.copy_rows(on_card, bytes, on_host, host.stride, bytes, static_cast<std::int64_t>(count));
      }
      on_host += bytes;
    }
    done += count;
  }
  stream_.record(*layer.copied);
  if (!layer.is_pending) ++num_pending_;
  layer.is_pending = true;
}

void KvSwaps::settle(const KvLayer& kv) {
  if (num_pending_ == 0) return;
  Layer& layer = layer_of(kv);
  if (!layer.is_pending) return;
  compute_.wait(*layer.copied);
  layer.is_pending = false;
  --num_pending_;
}

KvSwaps::Layer& KvSwaps::layer_of(const KvLayer& kv) {
  const auto found = std::ranges::find(layers_, kv.keys, &Layer::keys);
  if (found != layers_.end()) return *found;
  return layers_.emplace_back(Layer{kv.keys, std::make_unique<Event>(), false});
}

}  // namespace millrace::gpu
