// How the blocks of attention find their work on the card: the host does not know the rows' lengths, and a
// graph outlives them.
#pragma once
#include "platform/block.hpp"
#include "runtime/device.hpp"

namespace millrace::gpu {

constexpr float kLog2E = 1.44269504F;

// What sums are multiplied by at the end: 0 for queries that have seen nothing. NaN goes on.
__device__ inline float inverse_total(float total) {
  return total == 0 ? 0.0F : __fdividef(1.0F, total);
}

struct RowItem {
  int row;    // -1: there is no such item
  int index;  // among the row's
};

// Inclusive prefix sums over the lanes.
__device__ inline int warp_prefix(int value) {
  const int lane = static_cast<int>(threadIdx.x) % kWarpLanes;
  for (int distance = 1; distance < kWarpLanes; distance *= 2) {
    const int before = __shfl_up_sync(kFullWarp, value, distance);
    if (lane >= distance) value += before;
  }
  return value;
}

// Row and index of an item, when row r has count(r) items and rows are in order. By a whole warp: each lane
// counts a run of rows, then the lanes share the rows of the run that has the item.
template <typename Count>
__device__ inline RowItem find_item(int item, int num_rows, const Count& count) {
  const int lane = static_cast<int>(threadIdx.x) % kWarpLanes;
  const int run = (num_rows + kWarpLanes - 1) / kWarpLanes;
  int mine = 0;
  for (int row = lane * run; row < min((lane + 1) * run, num_rows); ++row) mine += count(row);
  const int prefix = warp_prefix(mine);
  const unsigned after = __ballot_sync(kFullWarp, prefix > item);
  if (after == 0) return {-1, 0};
  const int owner = __ffs(static_cast<int>(after)) - 1;
  int before = __shfl_sync(kFullWarp, prefix - mine, owner);
  if (run == 1) return {owner, item - before};
  for (int start = owner * run;; start += kWarpLanes) {
    const int row = start + lane;
    const int of_row = row < min((owner + 1) * run, num_rows) ? count(row) : 0;
    const int sums = warp_prefix(of_row);
    const unsigned later = __ballot_sync(kFullWarp, before + sums > item);
    if (later != 0) {
      const int at = __ffs(static_cast<int>(later)) - 1;
      return {start + at, item - before - __shfl_sync(kFullWarp, sums - of_row, at)};
    }
    before += __shfl_sync(kFullWarp, sums, kWarpLanes - 1);
  }
}

// A head's keys or values lie in rows, one for a position that the sequence has.
struct CacheRows {
  const std::int32_t* table;  // of the sequence
  int block_tokens, shift;    // 1 << shift, or -1
  int num_kv_heads, kv_head;

  __device__ CacheRows(const Batch& batch, const KvLayer& kv, int row, int kv_head_of)
      : table(batch.block_tables + std::int64_t{row} * batch.max_blocks),
        block_tokens(kv.block_tokens),
        num_kv_heads(kv.num_kv_heads),
        kv_head(kv_head_of) {
    // Not above: nvcc's host pass reads that too, and does not know __ffs.
    shift = (block_tokens & (block_tokens - 1)) == 0 ? __ffs(block_tokens) - 1 : -1;
  }
  // Which of the sequence's blocks. A division takes as long as a load from the second cache.
  [[nodiscard]] __device__ int index(int position) const {
    return shift >= 0 ? position >> shift : position / block_tokens;
  }
  [[nodiscard]] __device__ int row(int kv_block, int position) const {
    return (kv_block * num_kv_heads + kv_head) * block_tokens + position - index(position) * block_tokens;
  }
  [[nodiscard]] __device__ int at(int position) const { return row(table[index(position)], position); }
};

// Positions [first, last) that query i of the queries that share a KV head sees: i / group is the token, the
// row has `tokens` of them. None for queries past the end.
struct Visible {
  int first, last;

  __device__ Visible(int query, int group, int tokens, int context, int window) {
    const int token = query / group;
    last = token < tokens ? max(0, context - tokens + token + 1) : 0;
    first = window == 0 ? 0 : max(0, last - window);
  }
};

}  // namespace millrace::gpu
