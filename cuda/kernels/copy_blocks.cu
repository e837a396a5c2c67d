#include "kernels/copy_blocks.hpp"

#include "platform/block.hpp"

namespace millrace::gpu {
namespace {

constexpr unsigned kThreads = 256;
// 16-byte pieces that a thread copies: several loads are under way before the first is stored.
constexpr int kPieces = 4;

struct Params {
  Vec<std::uint32_t, 4>*keys, *values;
  const BlockCopy* copies;
  int pieces;  // of a block of the cache
};

__global__ void __launch_bounds__(kThreads) copy_pieces(Params p) {
  const BlockCopy copy = p.copies[blockIdx.x];
  auto* storage = blockIdx.z == 0 ? p.keys : p.values;
  const auto* from = storage + std::int64_t{copy.from} * p.pieces;
  auto* to = storage + std::int64_t{copy.to} * p.pieces;
  const auto first = static_cast<int>(blockIdx.y * kThreads * kPieces + threadIdx.x);
  Vec<std::uint32_t, 4> held[kPieces];
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

}  // namespace

void launch_copy_blocks(Stream& stream, const KvLayer& kv, const BlockCopy* copies, int count) {
  if (count == 0) return;
  const std::int64_t bytes =
      storage_bytes(kv.dtype, std::int64_t{kv.num_kv_heads} * kv.block_tokens * kv.head_dim);
  const auto pieces = static_cast<unsigned>(bytes / 16);
  const auto storage = [](void* memory) { return static_cast<Vec<std::uint32_t, 4>*>(memory); };
  const Params params{storage(kv.keys), storage(kv.values), copies, static_cast<int>(pieces)};
  constexpr unsigned kBlockPieces = kThreads * kPieces;
  launch(stream, copy_pieces, {static_cast<unsigned>(count), (pieces + kBlockPieces - 1) / kBlockPieces, 2},
         kThreads, 0, params);
}

}  // namespace millrace::gpu
