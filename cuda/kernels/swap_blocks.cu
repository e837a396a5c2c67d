#include "kernels/swap_blocks.hpp"

#include <algorithm>

#include "platform/block.hpp"

namespace millrace::gpu {
namespace {

constexpr unsigned kThreads = 256;
// 16-byte pieces that a thread copies at a time.
constexpr int kPieces = 4;
constexpr int kPart = static_cast<int>(kThreads) * kPieces;
// Few, so that what computes beside keeps its multiprocessors; of 16 KiB that each has under way, more than a
// bus of 64 GB/s delivers in the 2 us that a read of the host's memory takes.
constexpr unsigned kMostBlocks = 16;

using Piece = Vec<std::uint32_t, 4>;

struct Params {
  Piece *keys, *values;
  std::byte* host;
  std::int64_t host_stride;
  int pieces;  // of a block's keys
  int parts;   // of kPart pieces
  int count, out;
  BlockCopy copies[kMostSwaps];
};
static_assert(sizeof(Params) <= 4096);

__global__ void __launch_bounds__(kThreads) swap_parts(Params p) {
  const int all = p.count * 2 * p.parts;
  for (int index = static_cast<int>(blockIdx.x); index < all; index += static_cast<int>(gridDim.x)) {
    const BlockCopy copy = p.copies[index / (2 * p.parts)];
    const int half = index / p.parts % 2, first = index % p.parts * kPart + static_cast<int>(threadIdx.x);
    const bool out = p.out != 0;
    Piece* on_card =
        (half == 0 ? p.keys : p.values) + static_cast<std::int64_t>(out ? copy.from : copy.to) * p.pieces;
    Piece* on_host = reinterpret_cast<Piece*>(p.host + (out ? copy.to : copy.from) * p.host_stride) +
                     static_cast<std::int64_t>(half) * p.pieces;
    const Piece* from = out ? on_card : on_host;
    Piece* to = out ? on_host : on_card;
    Piece held[kPieces];
#pragma unroll
    for (int i = 0; i < kPieces; ++i) {
      const int piece = first + i * static_cast<int>(kThreads);
      if (piece < p.pieces) held[i] = from[piece];
    }
#pragma unroll
    for (int i = 0; i < kPieces; ++i) {
      const int piece = first + i * static_cast<int>(kThreads);
      if (piece < p.pieces) to[piece] = held[i];
    }
  }
}

}  // namespace

void launch_swap_blocks(Stream& stream, const KvLayer& kv, HostLayer host, std::span<const BlockCopy> copies,
                        SwapDirection direction) {
  const std::int64_t bytes =
      storage_bytes(kv.dtype, static_cast<std::int64_t>(kv.num_kv_heads) * kv.block_tokens * kv.head_dim);
  Params params{};
  params.keys = static_cast<Piece*>(kv.keys);
  params.values = static_cast<Piece*>(kv.values);
  params.host = host.data;
  params.host_stride = host.stride;
  params.pieces = static_cast<int>(bytes / 16);
  params.parts = (params.pieces + kPart - 1) / kPart;
  params.out = direction == SwapDirection::kOut ? 1 : 0;
  for (; !copies.empty(); copies = copies.subspan(static_cast<std::size_t>(params.count))) {
    params.count = static_cast<int>(std::min(copies.size(), kMostSwaps));
    std::copy_n(copies.begin(), params.count, params.copies);
    const auto parts = static_cast<unsigned>(params.count * 2 * params.parts);
    launch(stream, swap_parts, {std::min(parts, kMostBlocks)}, kThreads, 0, params);
  }
}

}  // namespace millrace::gpu
