// What one block does with a row of logits once the passes are over: sums in the CPU's order, and the best.
// Every function is called by all threads of the block unless it says otherwise, and ends with a barrier when
// its result lies in shared memory.
#pragma once
#include <cstdint>

#include "kernels/logit_passes.hpp"

namespace millrace::gpu {

constexpr unsigned kRowThreads = 512;
constexpr int kRowWarps = static_cast<int>(kRowThreads) / kWarpLanes;

// A selection finds a key digit by digit, the upper first (radix selection).
constexpr int kDigitBits = 11;
constexpr int kDigits = 1 << kDigitBits;

struct SelectShared {
  int counts[kDigits];  // keys with each digit
  int warp_counts[kRowWarps];
  int digit, rank, equals;
  int last_id;
};

__device__ inline int own_thread() {
  return static_cast<int>(threadIdx.x);
}

__device__ inline int own_lane() {
  return static_cast<int>(threadIdx.x % kWarpLanes);
}

__device__ inline int own_warp() {
  return static_cast<int>(threadIdx.x / kWarpLanes);
}

// Integers in the order of the floats that are not NaN; 0 and -0 are the same.
__device__ inline std::uint32_t ordered_bits(float x) {
  const std::uint32_t bits = x == 0 ? 0 : float_to_bits(x);
  return (bits & 0x80000000U) != 0 ? ~bits : bits | 0x80000000U;
}

__device__ inline float from_ordered_bits(std::uint32_t key) {
  return bits_to_float((key & 0x80000000U) != 0 ? key & 0x7FFFFFFFU : ~key);
}

// Calls visit(logit, id) for the logits >= least, a warp for each run.
template <typename Visit>
__device__ inline void for_each_logit(const LogitRow& row, float least, const Visit& visit) {
  for (int run = own_warp(); run < row.runs; run += kRowWarps) {
    if (row.maxima[run] < least) continue;
    const int start = run * kRun, count = run_count(row, run);
    for (int i = own_lane(); i < count; i += kWarpLanes) {
      const float logit = row.logits[start + i];
      if (logit >= least) visit(logit, start + i);
    }
  }
}

struct Selected {
  bool exists;
  std::uint32_t key;
  int rank;    // among the keys that are equal to it, from 1
  int equals;  // how many there are
};

// Of the digits counted in `shared`, that of the rank-th largest key, by the first warp; -1 when there are
// fewer keys.
__device__ inline void find_digit(int rank, SelectShared& shared) {
  constexpr int kPerWarp = kDigits / kRowWarps, kPerLane = kPerWarp / kWarpLanes;
  int group = kRowWarps - 1;
  for (; group >= 0 && shared.warp_counts[group] < rank; --group) rank -= shared.warp_counts[group];
  if (group < 0) {
    if (own_lane() == 0) shared.digit = -1;
    return;
  }
  const int first = group * kPerWarp + own_lane() * kPerLane;
  int own = 0;
  for (int i = 0; i < kPerLane; ++i) own += shared.counts[first + i];
  int reached = own;  // in the digits of this lane and those above
  for (int distance = 1; distance < kWarpLanes; distance *= 2) {
    const int above = __shfl_down_sync(kFullWarp, reached, static_cast<unsigned>(distance));
    if (own_lane() + distance < kWarpLanes) reached += above;
  }
  rank -= reached - own;
  if (rank <= 0 || rank > own) return;
  int digit = first + kPerLane - 1;
  for (; shared.counts[digit] < rank; --digit) rank -= shared.counts[digit];
  shared.digit = digit;
  shared.rank = rank;
  shared.equals = shared.counts[digit];
}

// The rank-th largest of the keys that for_each_key(visit) visits.
template <typename ForEachKey>
__device__ inline Selected select_key(int rank, const ForEachKey& for_each_key, SelectShared& shared) {
  constexpr int kPerWarp = kDigits / kRowWarps;
  Selected selected{true, 0, rank, 0};
  std::uint32_t known = 0;  // bits of the key that are
  for (int shift = 32 - kDigitBits; known != 0xFFFFFFFFU;
       shift = shift < kDigitBits ? 0 : shift - kDigitBits) {
    for (int i = own_thread(); i < kDigits; i += static_cast<int>(kRowThreads)) shared.counts[i] = 0;
    __syncthreads();
    const std::uint32_t digit_bits = ~known & (0xFFFFFFFFU << shift);
    for_each_key([&](std::uint32_t key) {
      if ((key & known) == selected.key) atomicAdd(&shared.counts[(key & digit_bits) >> shift], 1);
    });
    __syncthreads();
    int own = 0;
    for (int i = own_lane(); i < kPerWarp; i += kWarpLanes) own += shared.counts[own_warp() * kPerWarp + i];
    own = warp_sum(own);
    if (own_lane() == 0) shared.warp_counts[own_warp()] = own;
    __syncthreads();
    if (own_warp() == 0) find_digit(selected.rank, shared);
    __syncthreads();
    if (shared.digit < 0) return {false, 0, 0, 0};
    selected.key |= static_cast<std::uint32_t>(shared.digit) << shift;
    selected.rank = shared.rank;
    selected.equals = shared.equals;
    known |= digit_bits;
  }
  return selected;
}

// The `count` best tokens, count >= 1: best_tokens() of runtime/logit_scan.hpp.
__device__ inline BestTokens best_tokens(const LogitRow& row, int count, SelectShared& shared) {
  const BestTokens all{kLowest};
  if (count >= row.vocab) return all;
  float least = kLowest;
  // The count-th largest of the runs' maxima is at most the count-th largest logit.
  if (count <= row.runs) {
    const auto maxima = [&](const auto& visit) {
      for (int run = own_thread(); run < row.runs; run += static_cast<int>(kRowThreads))
        visit(ordered_bits(row.maxima[run]));
    };
    least = fmaxf(least, from_ordered_bits(select_key(count, maxima, shared).key));
  }
  const auto logits = [&](const auto& visit) {
    for_each_logit(row, least, [&](float logit, int) { visit(ordered_bits(logit)); });
  };
  const Selected last = select_key(count, logits, shared);
  if (!last.exists) return all;  // the rest are -infinity
  const float logit = from_ordered_bits(last.key);
  const auto for_each_equal = [&](const auto& visit) {
    for_each_logit(row, logit, [&](float other, int id) {
      if (other == logit) visit(id);
    });
  };
  if (last.rank == last.equals) {
    if (own_thread() == 0) shared.last_id = 0;
    __syncthreads();
    for_each_equal([&](int id) { atomicMax(&shared.last_id, id); });
    __syncthreads();
    return {logit, shared.last_id};
  }
  const auto ids = [&](const auto& visit) {
    for_each_equal([&](int id) { visit(~static_cast<std::uint32_t>(id)); });
  };
  return {logit, static_cast<std::int32_t>(~select_key(last.rank, ids, shared).key)};
}

// Places of the highest and the lowest bit that is set, as powers of two.
__device__ inline int highest_bit(double x) {
  return static_cast<int>(double_to_bits(x) >> 52 & 0x7FFU) - 1023;
}

__device__ inline int lowest_bit(double x) {
  constexpr int kNone = 1 << 20;
  if (x == 0) return kNone;
  const std::uint64_t bits = double_to_bits(x) & 0xFFFFFFFFFFFFFULL;
  return highest_bit(x) - (bits == 0 ? 0 : 53 - __ffsll(static_cast<long long>(bits)));
}

// out[i] = first + values[0] + ... + values[i], rounded as when they are added one after the other. By one
// warp; returns the last. None is negative. As long as every bit of the sum that can be set has a place in a
// double nothing is rounded, and the order does not matter: then, nearly always, each lane adds a part.
__device__ inline double running_sums(double first, const float* values, int count, double* out) {
  const int each = (count + kWarpLanes - 1) / kWarpLanes;
  const int begin = min(count, own_lane() * each), end = min(count, begin + each);
  double own = 0;
  int lowest = lowest_bit(first);
  for (int i = begin; i < end; ++i) {
    const auto value = static_cast<double>(values[i]);
    own += value;
    lowest = min(lowest, lowest_bit(value));
  }
  double reached = own;  // by this lane and those before
  for (int distance = 1; distance < kWarpLanes; distance *= 2) {
    const double before = __shfl_up_sync(kFullWarp, reached, static_cast<unsigned>(distance));
    if (own_lane() >= distance) reached += before;
    lowest = min(lowest, __shfl_xor_sync(kFullWarp, lowest, distance));
  }
  const double total = first + __shfl_sync(kFullWarp, reached, kWarpLanes - 1);
  constexpr int kDoubleBits = 53;
  const bool is_exact = highest_bit(total) - lowest < kDoubleBits;
  double sum = is_exact ? first + (reached - own) : first;
  const int from = is_exact ? begin : 0;
  const int to = is_exact ? end : own_lane() == 0 ? count : 0;
  for (int i = from; i < to; ++i) {
    sum += static_cast<double>(values[i]);
    out[i] = sum;
  }
  __syncwarp();
  return count == 0 ? first : out[count - 1];
}

}  // namespace millrace::gpu
