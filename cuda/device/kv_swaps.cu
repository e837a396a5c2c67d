#include "device/kv_swaps.hpp"

#include <algorithm>
#include <utility>

#include "core/dtype.hpp"
#include "kernels/swap_blocks.hpp"

namespace millrace::gpu {
namespace {

// Up to so many runs of neighbours the card's copy engine is asked for each, and no multiprocessor has work
// by it; each run costs two calls a layer, though, so more are one kernel.
constexpr int kFewRuns = 4;

// How many of the copies, from the first on, go from one run of neighbours to another.
std::size_t neighbours(std::span<const BlockCopy> copies) {
  std::size_t count = 1;
  while (count < copies.size() && copies[count].from == copies[count - 1].from + 1 &&
         copies[count].to == copies[count - 1].to + 1)
    ++count;
  return count;
}

bool are_few_runs(std::span<const BlockCopy> copies) {
  int runs = 0;
  for (; !copies.empty() && runs <= kFewRuns; ++runs) copies = copies.subspan(neighbours(copies));
  return runs <= kFewRuns;
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
  while (!copies.empty()) {
    const auto part = copies.first(distinct(copies));
    if (are_few_runs(part)) {
      copy_runs(kv, host, part, out);
    } else {
      launch_swap_blocks(stream_, kv, host, part, out ? SwapDirection::kOut : SwapDirection::kIn);
    }
    copies = copies.subspan(part.size());
  }
  stream_.record(*layer.copied);
  if (!layer.is_pending) ++num_pending_;
  layer.is_pending = true;
}

void KvSwaps::copy_runs(const KvLayer& kv, HostLayer host, std::span<const BlockCopy> copies, bool out) {
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
}

std::size_t KvSwaps::distinct(std::span<const BlockCopy> copies) {
  ++round_;
  std::size_t count = 0;
  for (const BlockCopy& copy : copies) {
    const auto to = static_cast<std::size_t>(copy.to);
    if (written_.size() <= to) written_.resize(to + 1, 0);
    if (std::exchange(written_[to], round_) == round_) break;
    ++count;
  }
  return count;
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
  return layers_.emplace_back(Layer{kv.keys, std::make_unique<Event>(false), false});
}

}  // namespace millrace::gpu
