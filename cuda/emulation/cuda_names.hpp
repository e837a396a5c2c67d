// The names of CUDA C++ that kernels use, for a compiler that does not know them. Only these: a kernel that
// needs another adds it here.
#pragma once
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <source_location>

#include "emulation/grid.hpp"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)

#define threadIdx (::millrace::emulation::thread_index())
#define blockIdx (::millrace::emulation::block_index())
#define blockDim (::millrace::emulation::block_dim())
#define gridDim (::millrace::emulation::grid_dim())

inline void __syncthreads(const std::source_location& place = std::source_location::current()) {
  millrace::emulation::block_barrier(place);
}

inline void __syncwarp(unsigned mask = 0xFFFFFFFFU,
                       const std::source_location& place = std::source_location::current()) {
  millrace::emulation::warp_barrier(mask, place);
}

inline void __threadfence() {}

namespace millrace::emulation {

template <typename T>
struct Shuffle {
  T value;
  int source;
  T result;
};

// A lane that is read must take part: on a GPU the result is undefined where it does not.
template <typename T>
T shuffle(unsigned mask, T value, int source) {
  Shuffle<T> mine{value, source, value};
  warp_collective(mask, &mine, [](void* const payloads[32], std::uint32_t lanes) {
    for (int lane = 0; lane < 32; ++lane) {
      if ((lanes >> lane & 1U) == 0) continue;
      auto& of = *static_cast<Shuffle<T>*>(payloads[lane]);
      const auto* from = static_cast<const Shuffle<T>*>(payloads[of.source & 31]);
      if (from == nullptr) throw_absent_lane();
      of.result = from->value;
    }
  });
  return mine.result;
}

template <typename T>
T atomically(T* at, T next) {
  const T before = *at;
  *at = next;
  return before;
}

}  // namespace millrace::emulation

template <typename T>
T __shfl_sync(unsigned mask, T value, int source) {
  return millrace::emulation::shuffle(mask, value, source);
}

template <typename T>
T __shfl_xor_sync(unsigned mask, T value, int bits) {
  return millrace::emulation::shuffle(mask, value, millrace::emulation::lane() ^ bits);
}

// As with width 32: lanes past the end get their own value.
template <typename T>
T __shfl_down_sync(unsigned mask, T value, unsigned distance) {
  const int source = millrace::emulation::lane() + static_cast<int>(distance);
  return millrace::emulation::shuffle(mask, value, source < 32 ? source : millrace::emulation::lane());
}

template <typename T>
T __shfl_up_sync(unsigned mask, T value, unsigned distance) {
  const int source = millrace::emulation::lane() - static_cast<int>(distance);
  return millrace::emulation::shuffle(mask, value, source >= 0 ? source : millrace::emulation::lane());
}

inline unsigned __ballot_sync(unsigned mask, int predicate) {
  struct Vote {
    bool yes;
    unsigned result;
  };
  Vote mine{predicate != 0, 0};
  millrace::emulation::warp_collective(mask, &mine, [](void* const payloads[32], std::uint32_t lanes) {
    unsigned votes = 0;
    for (int lane = 0; lane < 32; ++lane) {
      if ((lanes >> lane & 1U) != 0 && static_cast<const Vote*>(payloads[lane])->yes) votes |= 1U << lane;
    }
    for (int lane = 0; lane < 32; ++lane) {
      if ((lanes >> lane & 1U) != 0) static_cast<Vote*>(payloads[lane])->result = votes;
    }
  });
  return mine.result;
}

inline int __any_sync(unsigned mask, int predicate) {
  return __ballot_sync(mask, predicate) != 0 ? 1 : 0;
}

inline int __all_sync(unsigned mask, int predicate) {
  return __ballot_sync(mask, predicate) == mask ? 1 : 0;
}

template <typename T>
T atomicAdd(T* at, T value) {
  return millrace::emulation::atomically(at, static_cast<T>(*at + value));
}

template <typename T>
T atomicMax(T* at, T value) {
  return millrace::emulation::atomically(at, *at < value ? value : *at);
}

template <typename T>
T atomicMin(T* at, T value) {
  return millrace::emulation::atomically(at, value < *at ? value : *at);
}

template <typename T>
T __ldg(const T* at) {
  return *at;
}

inline int __popc(unsigned x) {
  return std::popcount(x);
}

// Four of the bytes of x (0 to 3) and y (4 to 7): digit i of the selector says which is byte i.
inline unsigned __byte_perm(unsigned x, unsigned y, unsigned selector) {
  const std::uint64_t bytes = std::uint64_t{y} << 32 | x;
  unsigned result = 0;
  for (unsigned i = 0; i < 4; ++i)
    result |= static_cast<unsigned>(bytes >> (selector >> (4 * i) & 7U) * 8 & 0xFFU) << (8 * i);
  return result;
}

// Of the least bit, from 1; 0 when none is set.
inline int __ffs(int x) {
  return x == 0 ? 0 : std::countr_zero(static_cast<unsigned>(x)) + 1;
}

inline int __ffsll(long long x) {
  return x == 0 ? 0 : std::countr_zero(static_cast<unsigned long long>(x)) + 1;
}

inline float rsqrtf(float x) {
  return 1.0F / std::sqrt(x);
}

inline float __expf(float x) {
  return std::exp(x);
}

inline float __fdividef(float x, float y) {
  return x / y;
}

// Sine and cosine of pi * x.
inline void sincospif(float x, float* sine, float* cosine) {
  const double angle = static_cast<double>(x) * 3.141592653589793;
  *sine = static_cast<float>(std::sin(angle));
  *cosine = static_cast<float>(std::cos(angle));
}

inline float __fmaf_rn(float x, float y, float z) {
  return std::fma(x, y, z);
}

inline int min(int x, int y) {
  return x < y ? x : y;
}

inline int max(int x, int y) {
  return x < y ? y : x;
}

using std::exp2f;
using std::fmaf;
using std::fmaxf;
using std::fminf;
using std::max;
using std::min;
