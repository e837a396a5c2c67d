#include <cstddef>
#include <cstring>

#include "cpu/cpu_ops.hpp"

namespace millrace {
namespace {

// Fewer bytes than this are copied by the caller alone.
constexpr std::int64_t kInlineBytes = 128 << 10;

// Calls fn(blocks, on_host, bytes) for parts that make up a block of the layer: where they begin in block 0
// and in host block 0. A part of all copies is done by one thread, so their order holds.
template <typename Fn>
void for_parts(ThreadPool& pool, const KvLayer& kv, HostLayer host, std::size_t copies, const Fn& fn) {
  const std::int64_t head_bytes =
      storage_bytes(kv.dtype, static_cast<std::int64_t>(kv.block_tokens) * kv.head_dim);
  const std::int64_t parts = 2LL * kv.num_kv_heads;
  const bool small = static_cast<std::int64_t>(copies) * parts * head_bytes < kInlineBytes;
  run_tasks(pool, small, parts, [&](std::int64_t part, int) {
    auto* storage = static_cast<std::byte*>(part < kv.num_kv_heads ? kv.keys : kv.values);
    fn(storage + part % kv.num_kv_heads * head_bytes, host.data + part * head_bytes,
       static_cast<std::size_t>(head_bytes));
  });
}

std::int64_t block_bytes_of(const KvLayer& kv) {
  return storage_bytes(kv.dtype, static_cast<std::int64_t>(kv.num_kv_heads) * kv.block_tokens * kv.head_dim);
}

}  // namespace

void cpu_copy_blocks(const KvLayer& kv, std::span<const BlockCopy> copies) {
  const std::int64_t bytes = block_bytes_of(kv);
  // In order: a later copy may read what an earlier one wrote.
  for (const BlockCopy& copy : copies) {
    for (void* storage : {kv.keys, kv.values}) {
      auto* blocks = static_cast<std::byte*>(storage);
      std::memcpy(blocks + copy.to * bytes, blocks + copy.from * bytes, static_cast<std::size_t>(bytes));
    }
  }
}

void cpu_copy_out(ThreadPool& pool, const KvLayer& kv, HostLayer host, std::span<const BlockCopy> copies) {
  const std::int64_t stride = block_bytes_of(kv);
  for_parts(pool, kv, host, copies.size(), [&](std::byte* blocks, std::byte* on_host, std::size_t bytes) {
    for (const BlockCopy& copy : copies) {
      std::memcpy(on_host + copy.to * host.stride, blocks + copy.from * stride, bytes);
    }
  });
}

void cpu_copy_in(ThreadPool& pool, const KvLayer& kv, HostLayer host, std::span<const BlockCopy> copies) {
  const std::int64_t stride = block_bytes_of(kv);
  for_parts(pool, kv, host, copies.size(), [&](std::byte* blocks, std::byte* on_host, std::size_t bytes) {
    for (const BlockCopy& copy : copies) {
      std::memcpy(blocks + copy.to * stride, on_host + copy.from * host.stride, bytes);
    }
  });
}

}  // namespace millrace
