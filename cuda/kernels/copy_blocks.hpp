#pragma once
#include <cstdint>

#include "platform/runtime.hpp"
#include "runtime/device.hpp"

namespace millrace::gpu {

// Copies blocks of a layer, keys and values, to other blocks of it. `copies` is in memory of the card. No
// block that is written is read or written by another of the copies: the caller cuts them into such runs. A
// head of a token is a multiple of 16 bytes.
void launch_copy_blocks(Stream& stream, const KvLayer& kv, const BlockCopy* copies, int count);

}  // namespace millrace::gpu
