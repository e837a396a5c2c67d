// Dot products for one vector type S (Avx2, Avx512). Lane l of an accumulator sums the products of k = l,
// l + lanes, l + 2 lanes, ... in that order, for any number of rows, and one fixed tree adds the lanes. So an
// element has the same bits in every tile, and rows are batched freely.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "cpu/kernels.hpp"

namespace millrace {
namespace {

// How rows of w are read, 32 elements (one Step) at a time or in vectors.
template <class S>
struct RowF32 {
  static constexpr std::int64_t kStepBytes = 128;  // of 32 elements
  struct Step {};
  static Step step(const std::byte*, std::int64_t) { return {}; }
  static typename S::F load(const std::byte* row, std::int64_t k, Step) {
    return S::load(reinterpret_cast<const float*>(row + k * 4));
  }
  static typename S::F load_part(const std::byte* row, std::int64_t k, std::int64_t n) {
    return S::load_part(reinterpret_cast<const float*>(row + k * 4), n);
  }
};

template <class S>
struct RowF16 {
  static constexpr std::int64_t kStepBytes = 64;  // of 32 elements
  struct Step {};
  static Step step(const std::byte*, std::int64_t) { return {}; }
  static typename S::F load(const std::byte* row, std::int64_t k, Step) { return S::load_f16(row + k * 2); }
  static typename S::F load_part(const std::byte* row, std::int64_t k, std::int64_t n) {
    return S::load_f16_part(row + k * 2, n);
  }
};

template <class S>
struct RowBF16 {
  static constexpr std::int64_t kStepBytes = 64;  // of 32 elements
  struct Step {};
  static Step step(const std::byte*, std::int64_t) { return {}; }
  static typename S::F load(const std::byte* row, std::int64_t k, Step) { return S::load_bf16(row + k * 2); }
  static typename S::F load_part(const std::byte* row, std::int64_t k, std::int64_t n) {
    return S::load_bf16_part(row + k * 2, n);
  }
};

// F16 to F32. The usual case takes whole-number instructions only, which the vector units do not share.
inline float widen_scale(const std::byte* from) {
  std::uint16_t h;
  std::memcpy(&h, from, sizeof h);
  std::uint32_t bits = (static_cast<std::uint32_t>(h & 0x8000U) << 16) |
                       ((static_cast<std::uint32_t>(h & 0x7FFFU) << 13) + 0x38000000U);
  const unsigned exponent = h & 0x7C00U;
  if (exponent == 0 || exponent == 0x7C00U) [[unlikely]]
    return _cvtsh_ss(h);
  float scale;
  std::memcpy(&scale, &bits, sizeof scale);
  return scale;
}

// A Q8_0 row: blocks of an F16 scale and 32 int8. The product of both is exact in F32.
template <class S>
struct RowQ8 {
  static constexpr std::int64_t kStepBytes = 34;  // of 32 elements
  struct Step {
    typename S::F scale;
  };
  static Step step(const std::byte* row, std::int64_t k) { return {S::set(widen_scale(row + k / 32 * 34))}; }
  static typename S::F load(const std::byte* row, std::int64_t k, Step s) {
    return S::mul(s.scale, S::load_int8(row + k / 32 * 34 + 2 + k % 32));
  }
  // Rows are whole blocks: never called.
  static typename S::F load_part(const std::byte*, std::int64_t, std::int64_t) { return S::zero(); }
};

// Adds the products of k in [k0, k1) to the accumulators of M rows of x and N rows of w. k0 is a multiple
// of 32.
template <class S, class Row, int M, int N>
inline __attribute__((always_inline)) void accumulate(const float* x, std::int64_t x_stride,
                                                      const std::byte* w, std::int64_t w_stride,
                                                      std::int64_t k0, std::int64_t k1,
                                                      typename S::F (&acc)[M][N]) {
  using F = typename S::F;
  std::int64_t k = k0;
  for (; k + 32 <= k1; k += 32) {
    typename Row::Step steps[N];
#pragma GCC unroll 8
    for (int j = 0; j < N; ++j) {
      steps[j] = Row::step(w + j * w_stride, k);
      // The rows that come after these: the hardware sees them too late when rows are short. F32 rows are
      // long, or a panel that is in L2; there it costs more than it gives.
      if constexpr (Row::kStepBytes < 128 && N > 1) {
        _mm_prefetch(reinterpret_cast<const char*>(w + (j + N) * w_stride + Row::kStepBytes * (k / 32)),
                     _MM_HINT_T1);
      }
    }
#pragma GCC unroll 4
    for (int part = 0; part < 32; part += S::kLanes) {
      F xs[M];
#pragma GCC unroll 8
      for (int i = 0; i < M; ++i) xs[i] = S::load(x + i * x_stride + k + part);
#pragma GCC unroll 8
      for (int j = 0; j < N; ++j) {
        const F wj = Row::load(w + j * w_stride, k + part, steps[j]);
#pragma GCC unroll 8
        for (int i = 0; i < M; ++i) acc[i][j] = S::fma(xs[i], wj, acc[i][j]);
      }
    }
  }
  for (; k < k1; k += S::kLanes) {
    const std::int64_t n = k1 - k < S::kLanes ? k1 - k : S::kLanes;
#pragma GCC unroll 8
    for (int j = 0; j < N; ++j) {
      const F wj = Row::load_part(w + j * w_stride, k, n);
#pragma GCC unroll 8
      for (int i = 0; i < M; ++i) acc[i][j] = S::fma(S::load_part(x + i * x_stride + k, n), wj, acc[i][j]);
    }
  }
}

template <class S, int M, int N>
inline __attribute__((always_inline)) void finish(typename S::F (&acc)[M][N], float* y,
                                                  std::int64_t y_stride) {
  const auto zero = S::zero();
#pragma GCC unroll 8
  for (int i = 0; i < M; ++i) {
    if constexpr (N == 1) {
      y[i * y_stride] = _mm_cvtss_f32(S::sum4(acc[i][0], zero, zero, zero));
    } else {
#pragma GCC unroll 2
      for (int j = 0; j < N; j += 4) {
        _mm_storeu_ps(y + i * y_stride + j, S::sum4(acc[i][j], acc[i][j + 1], acc[i][j + 2], acc[i][j + 3]));
      }
    }
  }
}

template <class S, class Row, int M, int N>
void whole_tile(const DotTile& t, int j) {
  typename S::F acc[M][N] = {};
  const std::byte* w = t.w + j * t.w_stride;
  accumulate<S, Row, M, N>(t.x, t.x_stride, w, t.w_stride, 0, t.k, acc);
  finish<S, M, N>(acc, t.y + j, t.y_stride);
}

// M rows of x against all rows of w, several at a time: as many streams of memory.
template <class S, class Row, int M>
void few_rows(const DotTile& t) {
  constexpr int kCols = S::tile_cols(M);
  int j = 0;
  for (; j + kCols <= t.n; j += kCols) whole_tile<S, Row, M, kCols>(t, j);
  for (; j < t.n; ++j) whole_tile<S, Row, M, 1>(t, j);
}

// For many rows of x and long rows: k is cut so that M rows of x stay in L1 while the rows of w pass. The
// accumulators rest in memory between two cuts, which changes no bit.
constexpr std::int64_t kCut = 1024;
constexpr int kCutRows = 32;  // rows of w at a time

template <class S, class Row, int M>
void cut_rows(const DotTile& t, int j0, int n) {
  using F = typename S::F;
  alignas(64) float rest[kCutRows / 4 * M * 4 * S::kLanes];
  for (std::int64_t k0 = 0; k0 < t.k; k0 += kCut) {
    const std::int64_t k1 = t.k - k0 < kCut ? t.k : k0 + kCut;
    for (int j = 0; j < n; j += 4) {
      float* saved = rest + j * M * S::kLanes;
      F acc[M][4];
#pragma GCC unroll 8
      for (int i = 0; i < M; ++i) {
#pragma GCC unroll 4
        for (int c = 0; c < 4; ++c)
          acc[i][c] = k0 == 0 ? S::zero() : S::load(saved + (i * 4 + c) * S::kLanes);
      }
      const std::byte* w = t.w + (j0 + j) * t.w_stride;
      accumulate<S, Row, M, 4>(t.x, t.x_stride, w, t.w_stride, k0, k1, acc);
      if (k1 == t.k) {
        finish<S, M, 4>(acc, t.y + j0 + j, t.y_stride);
        continue;
      }
#pragma GCC unroll 8
      for (int i = 0; i < M; ++i) {
#pragma GCC unroll 4
        for (int c = 0; c < 4; ++c) S::store(saved + (i * 4 + c) * S::kLanes, acc[i][c]);
      }
    }
  }
}

template <class S, class Row, int M>
void many_rows(const DotTile& t) {
  int j = 0;
  while (t.n - j >= 4) {
    const int n = t.n - j < kCutRows ? (t.n - j) / 4 * 4 : kCutRows;
    cut_rows<S, Row, M>(t, j, n);
    j += n;
  }
  for (; j < t.n; ++j) whole_tile<S, Row, M, 1>(t, j);
}

template <class S, class Row, int M>
void rows_of_x(const DotTile& t, bool many) {
  if (many && t.k > kCut) {
    many_rows<S, Row, M>(t);
  } else {
    few_rows<S, Row, M>(t);
  }
}

template <class S, class Row>
void dots(const DotTile& t) {
  DotTile part = t;
  for (int i = 0; i < t.m; i += S::kTileRows) {
    part.x = t.x + i * t.x_stride;
    part.y = t.y + i * t.y_stride;
    part.m = t.m - i < S::kTileRows ? t.m - i : S::kTileRows;
    const bool many = t.m > S::kTileRows;
    switch (part.m) {
      case 1:
        rows_of_x<S, Row, 1>(part, many);
        break;
      case 2:
        rows_of_x<S, Row, 2>(part, many);
        break;
      case 3:
        rows_of_x<S, Row, 3>(part, many);
        break;
      default:
        if constexpr (S::kTileRows > 3) {
          part.m == 4   ? rows_of_x<S, Row, 4>(part, many)
          : part.m == 5 ? rows_of_x<S, Row, 5>(part, many)
                        : rows_of_x<S, Row, 6>(part, many);
        }
    }
  }
}

}  // namespace
}  // namespace millrace
