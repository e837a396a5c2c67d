#pragma once
#include <span>

#include "platform/runtime.hpp"
#include "runtime/device.hpp"

namespace millrace::gpu {

enum class SwapDirection : std::uint8_t { kOut, kIn };

// Copies of one launch, at most: they are parameters of the kernel, of which there may be 4 KiB.
constexpr std::size_t kMostSwaps = 448;

// Copies blocks of a layer, keys and values, to pinned memory of the host, or from there. A head of a token
// is a multiple of 16 bytes. No block is written by two of the copies.
void launch_swap_blocks(Stream& stream, const KvLayer& kv, HostLayer host, std::span<const BlockCopy> copies,
                        SwapDirection direction);

}  // namespace millrace::gpu
