// What both layouts of attention share, for one vector type S: the exponential, rows of the cache, what is
// fetched ahead.
#pragma once
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "cpu/attention_kernels.hpp"

namespace millrace {
namespace {

constexpr float kMinusInfinity = -__builtin_inff();
// A score that is not seen. Finite, so that its difference from any best score is a number.
constexpr float kUnseen = -1e30F;

constexpr int round_up(int count, int to) {
  return (count + to - 1) / to * to;
}
constexpr int smaller(int a, int b) {
  return a < b ? a : b;
}

inline float* query_row(const QueryRows& q, int query) {
  return q.rows + query / q.group * q.row_stride + static_cast<std::int64_t>(query % q.group) * q.head_dim;
}

// 2^x, exactly 1 for 0; 0 below -126. A polynomial of 2^f for |f| <= 0.5 with relative error 2e-9.
template <class S>
typename S::F exp2(typename S::F x) {
  using F = typename S::F;
  const F low = S::set(-126.0F);
  const F clamped = S::max(low, x);  // NaN stays
  const F n = S::round(clamped);
  const F f = S::sub(clamped, n);
  F p = S::set(1.535336207e-4F);
  p = S::fma(p, f, S::set(1.339887456e-3F));
  p = S::fma(p, f, S::set(9.618437358e-3F));
  p = S::fma(p, f, S::set(5.550332471e-2F));
  p = S::fma(p, f, S::set(2.402264791e-1F));
  p = S::fma(p, f, S::set(6.931472029e-1F));
  p = S::fma(p, f, S::set(1.0F));
  return S::zero_where_less(x, low, S::mul(p, S::power_of_two(n)));
}

// What exponents are taken relative to: the best score, or 0 while nothing was seen.
template <class S>
typename S::F reference(typename S::F best) {
  return S::zero_where_less(best, S::set(kUnseen), best);
}

// How a row of the cache is read.
template <class S>
struct CacheF32 {
  static constexpr int kBytes = 4;
  static typename S::F load(const std::byte* p) { return S::load(reinterpret_cast<const float*>(p)); }
  static typename S::F load_part(const std::byte* p, int n) {
    return S::load_part(reinterpret_cast<const float*>(p), n);
  }
};

template <class S>
struct CacheF16 {
  static constexpr int kBytes = 2;
  static typename S::F load(const std::byte* p) { return S::load_f16(p); }
  static typename S::F load_part(const std::byte* p, int n) { return S::load_f16_part(p, n); }
};

template <class S>
struct CacheBF16 {
  static constexpr int kBytes = 2;
  static typename S::F load(const std::byte* p) { return S::load_bf16(p); }
  static typename S::F load_part(const std::byte* p, int n) { return S::load_bf16_part(p, n); }
};

// Elements [d, d + lanes) of a row, zeros past the head.
template <class S, class Cache>
typename S::F elements(const std::byte* row, int d, int head_dim) {
  return head_dim - d >= S::kLanes ? Cache::load(row + d * Cache::kBytes)
                                   : Cache::load_part(row + d * Cache::kBytes, head_dim - d);
}

inline __attribute__((always_inline)) void fetch_row(const std::byte* row, int bytes) {
  for (int at = 0; at < bytes; at += 64) _mm_prefetch(reinterpret_cast<const char*>(row + at), _MM_HINT_T0);
}

// Asks for the rows of the next tile, some with each step of a loop over this one: memory is then busy all
// the time. The hardware alone sees too late that rows lie together in blocks.
struct Fetch {
  const std::byte* const* rows;
  int left, per_step, row_bytes;

  Fetch(const std::byte* const* next, int steps, int bytes)
      : rows(next),
        left(next == nullptr ? 0 : kTilePositions),
        per_step(next == nullptr ? 0 : (kTilePositions + steps - 1) / steps),
        row_bytes(bytes) {}
  // Inlined at once: GCC takes a function that only prefetches for one without effect, and drops its calls.
  inline __attribute__((always_inline)) void step() {
    if (left <= 0) return;
    for (int i = 0; i < smaller(per_step, left); ++i) fetch_row(rows[i], row_bytes);
    rows += per_step;
    left -= per_step;
  }
};

}  // namespace
}  // namespace millrace
