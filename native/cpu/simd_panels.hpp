// Products with panels (panels.hpp) for one vector type S. Lane c of an accumulator is output c of a panel
// and takes the products of k in order, so that an element has the same bits in every tile and rows are
// batched freely.
#pragma once
#include <cstddef>
#include <cstdint>

#include "cpu/panels.hpp"

namespace millrace {
namespace {

// A tile: M rows of x from `row`, N vectors of outputs from `vector` (a panel has 16 / S::kLanes of them).
//
// While it computes, a tile asks for its share of the panels that come next, `bytes` at each step of
// Format::kStep k, so that memory and arithmetic overlap. Without that they take turns: the processor's own
// reading ahead does not reach past the arithmetic of one step. With fewer rows than Format::kAsksFrom it
// does, and asking costs more than it gives.
struct TileAt {
  int row;
  int vector;
  const std::byte* ahead;
  std::int64_t bytes;

  void ask(std::int64_t step) const {
    for (std::int64_t at = 0; at < bytes; at += 64) ask_line(step * bytes + at);
  }
  // Where a step is short: so many lines, no fewer than `bytes` has.
  template <int kLines>
  void ask_lines(std::int64_t step) const {
#pragma GCC unroll 8
    for (int i = 0; i < kLines; ++i) ask_line(step * bytes + i * 64);
  }

 private:
  void ask_line(std::int64_t at) const {
    _mm_prefetch(reinterpret_cast<const char*>(ahead + at), _MM_HINT_T1);
  }
};

template <class S>
struct PanelVectors {
  static constexpr int kPerPanel = kPanelRows / S::kLanes;
  static constexpr int panels(int vectors) { return (vectors + kPerPanel - 1) / kPerPanel; }

  // Bytes of the vector's share of `unit` bytes that hold something for 16 rows.
  static const std::byte* at(const PanelProduct& p, int vector, std::int64_t part, int unit) {
    return p.panel + vector / kPerPanel * p.layout.bytes + part + vector % kPerPanel * (unit / kPerPanel);
  }
};

inline const std::byte* activation_row(const PanelProduct& p, int row) {
  return p.x.data + row * p.x.row_bytes;
}

template <class S, int M, int N>
inline __attribute__((always_inline)) void store_tile(const PanelProduct& p, const TileAt& at,
                                                      const typename S::F (&acc)[M][N]) {
#pragma GCC unroll 8
  for (int i = 0; i < M; ++i) {
#pragma GCC unroll 8
    for (int n = 0; n < N; ++n) {
      S::store(p.y + (at.row + i) * p.y_stride + static_cast<std::int64_t>(at.vector + n) * S::kLanes,
               acc[i][n]);
    }
  }
}

// F32 and F16 weights with F32 activations.
template <class V, bool kHalf>
struct FloatPanels {
  using S = V;
  static constexpr int kUnit = kHalf ? 32 : 64;
  static constexpr int kStep = 1;
  static constexpr int kAsksFrom = PanelVectors<S>::kPerPanel > 1 ? 1 : 2;

  template <int M, int N>
  static void tile(const PanelProduct& p, const TileAt& at) {
    typename S::F acc[M][N];
    const std::byte* w[N];
    const float* x[M];
#pragma GCC unroll 8
    for (int n = 0; n < N; ++n) w[n] = PanelVectors<S>::at(p, at.vector + n, p.layout.elements, kUnit);
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i) {
      x[i] = reinterpret_cast<const float*>(activation_row(p, at.row + i));
#pragma GCC unroll 8
      for (int n = 0; n < N; ++n) acc[i][n] = S::zero();
    }
    for (std::int64_t k = 0; k < p.k; ++k) {
      if constexpr (M >= kAsksFrom) at.ask_lines<PanelVectors<S>::panels(N)>(k);
      typename S::F wk[N];
#pragma GCC unroll 8
      for (int n = 0; n < N; ++n) {
        if constexpr (kHalf) {
          wk[n] = S::load_f16(w[n] + k * kUnit);
        } else {
          wk[n] = S::load(reinterpret_cast<const float*>(w[n] + k * kUnit));
        }
      }
#pragma GCC unroll 8
      for (int i = 0; i < M; ++i) {
        const auto xi = S::set(x[i][k]);
#pragma GCC unroll 8
        for (int n = 0; n < N; ++n) acc[i][n] = S::fma(xi, wk[n], acc[i][n]);
      }
    }
    store_tile<S, M, N>(p, at, acc);
  }
};

// BF16 weights with F32 activations: exact products.
template <class V>
struct Bf16Panels {
  using S = V;
  static constexpr int kStep = 2;
  static constexpr int kAsksFrom = PanelVectors<S>::kPerPanel > 1 ? 1 : 2;

  template <int M, int N>
  static void tile(const PanelProduct& p, const TileAt& at) {
    typename S::F acc[M][N];
    const std::byte* w[N];
    const float* x[M];
#pragma GCC unroll 8
    for (int n = 0; n < N; ++n) w[n] = PanelVectors<S>::at(p, at.vector + n, p.layout.elements, 64);
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i) {
      x[i] = reinterpret_cast<const float*>(activation_row(p, at.row + i));
#pragma GCC unroll 8
      for (int n = 0; n < N; ++n) acc[i][n] = S::zero();
    }
    // Two k lie side by side. Each reads its weights anew, which takes less than registers for both.
    const auto add = [&](std::int64_t k, auto widen) __attribute__((always_inline)) {
      typename S::F wk[N];
#pragma GCC unroll 8
      for (int n = 0; n < N; ++n) wk[n] = widen(S::load_bits(w[n] + k / 2 * 64));
#pragma GCC unroll 8
      for (int i = 0; i < M; ++i) {
        const auto xi = S::set(x[i][k]);
#pragma GCC unroll 8
        for (int n = 0; n < N; ++n) acc[i][n] = S::fma(xi, wk[n], acc[i][n]);
      }
    };
    const auto first = [](typename S::I both) { return S::first_bf16(both); };
    const auto second = [](typename S::I both) { return S::second_bf16(both); };
    std::int64_t k = 0;
    for (; k + 2 <= p.k; k += 2) {
      if constexpr (M >= kAsksFrom) at.ask_lines<PanelVectors<S>::panels(N)>(k / 2);
      add(k, first);
      add(k + 1, second);
    }
    if (k < p.k) add(k, first);
    store_tile<S, M, N>(p, at, acc);
  }
};

// BF16 weights with BF16 activations: S has dot products of pairs.
template <class V>
struct Bf16DotPanels {
  using S = V;
  static constexpr int kStep = 2;
  static constexpr int kAsksFrom = 7;

  template <int M, int N>
  static void tile(const PanelProduct& p, const TileAt& at) {
    typename S::F acc[M][N];
    const std::byte* w[N];
    const std::byte* x[M];
#pragma GCC unroll 8
    for (int n = 0; n < N; ++n) w[n] = PanelVectors<S>::at(p, at.vector + n, p.layout.elements, 64);
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i) {
      x[i] = activation_row(p, at.row + i);
#pragma GCC unroll 8
      for (int n = 0; n < N; ++n) acc[i][n] = S::zero();
    }
    const std::int64_t pairs = p.layout.k / 2;
#pragma GCC unroll 2
    for (std::int64_t k = 0; k < pairs; ++k) {
      if constexpr (M > 1) at.ask_lines<(N + 1) / 2>(k);
      typename S::I wk[N];
#pragma GCC unroll 8
      for (int n = 0; n < N; ++n) wk[n] = S::load_bits(w[n] + k * 64);
#pragma GCC unroll 8
      for (int i = 0; i < M; ++i) {
        const auto xi = S::set_bits(x[i] + k * 4);
#pragma GCC unroll 8
        for (int n = 0; n < N; ++n) acc[i][n] = S::dot_bf16(acc[i][n], xi, wk[n]);
      }
    }
    store_tile<S, M, N>(p, at, acc);
  }
};

// How the eight vectors of 32 k are read.
template <class S, PanelFormat kFormat>
struct Quants {
  static constexpr bool kNibbles = kFormat != PanelFormat::kInt8 && kFormat != PanelFormat::kInt8Channel;
  static constexpr int kGroupBytes = kNibbles ? 256 : 512;

  static typename S::I vector(const std::byte* elements, const std::byte* high, int v) {
    if constexpr (!kNibbles) {
      return S::load_bits(elements + v * 64);
    } else {
      const auto both = S::load_bits(elements + v % 4 * 64);
      const auto low = v < 4 ? S::low_nibbles(both) : S::high_nibbles(both);
      if constexpr (kFormat != PanelFormat::kInt6) return low;
      return S::with_high_bits(low, S::load_bits(high + v / 4 * 64), 2 * (v % 4));
    }
  }
};

// Whole-number weights with whole-number activations: exact sums of 32 products (16 for kInt6), scaled and
// added in F32.
template <class V, PanelFormat kFormat>
struct IntPanels {
  using S = V;
  using Q = Quants<S, kFormat>;
  static constexpr bool kChannel = kFormat == PanelFormat::kInt8Channel;
  static constexpr int kParts = kFormat == PanelFormat::kInt6 ? 2 : 1;  // scales per 32 k, at least
  static constexpr int kStep = kActivationGroup;
  static constexpr int kAsksFrom = Q::kNibbles || S::kTurns > 1 ? 1 : 2;

  template <int M, int N>
  static void tile(const PanelProduct& p, const TileAt& at) {
    typename S::F acc[M][N];
    const std::byte *w[N], *high[N], *scale[N], *minimum[N];
    const std::byte* x[M];
    const float* x_scale[M];
    const std::int32_t* x_sum[M];
#pragma GCC unroll 8
    for (int n = 0; n < N; ++n) {
      w[n] = PanelVectors<S>::at(p, at.vector + n, p.layout.elements, 64);
      high[n] = PanelVectors<S>::at(p, at.vector + n, p.layout.high_bits, 64);
      scale[n] = PanelVectors<S>::at(p, at.vector + n, p.layout.scales, kChannel ? 64 : 32);
      minimum[n] = PanelVectors<S>::at(p, at.vector + n, p.layout.minima, 32);
    }
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i) {
      const std::int64_t first = (at.row + i) * p.x.groups;
      x[i] = activation_row(p, at.row + i);
      x_scale[i] = p.x.scales + first;
      x_sum[i] = p.x.sums + 2 * first;
#pragma GCC unroll 8
      for (int n = 0; n < N; ++n) acc[i][n] = S::zero();
    }
    const std::int64_t groups = p.layout.k / kActivationGroup;
    // Groups of x that share a group of the weight.
    const std::int64_t shared = kChannel || kParts == 2 ? 1 : p.layout.group / kActivationGroup;
    std::int64_t left = shared;
    std::int64_t scale_at = 0;
    for (std::int64_t g = 0; g < groups; ++g) {
      if constexpr (M >= kAsksFrom) at.ask(g);
#pragma GCC unroll 2
      for (int part = 0; part < kParts; ++part) {
        typename S::I sums[M][N];
#pragma GCC unroll 8
        for (int i = 0; i < M; ++i) {
          std::int32_t offset = 0;
          if constexpr (whole_number_offset(kFormat) != 0) {
            const std::int32_t* of_x = x_sum[i] + 2 * g;
            offset = kParts == 1 ? of_x[1] : part == 0 ? of_x[0] : of_x[1] - of_x[0];
            offset *= -whole_number_offset(kFormat);
          }
          const auto start = S::set_int(offset);
#pragma GCC unroll 8
          for (int n = 0; n < N; ++n) sums[i][n] = start;
        }
#pragma GCC unroll 8
        for (int j = 0; j < 8 / kParts; ++j) {
          const int v = part * 4 + j;
          typename S::I four[N];
#pragma GCC unroll 8
          for (int n = 0; n < N; ++n) four[n] = Q::vector(w[n] + g * Q::kGroupBytes, high[n] + g * 128, v);
#pragma GCC unroll 2
          for (int turn = 0; turn < S::kTurns; ++turn) {
            typename S::I wk[N];
#pragma GCC unroll 8
            for (int n = 0; n < N; ++n) wk[n] = S::of_turn(four[n], turn);
#pragma GCC unroll 8
            for (int i = 0; i < M; ++i) {
              const auto xi = S::set_bits(x[i] + ((g * 8 + v) * S::kTurns + turn) * 4);
#pragma GCC unroll 8
              for (int n = 0; n < N; ++n) sums[i][n] = S::add_products(sums[i][n], wk[n], xi);
            }
          }
        }
        typename S::F of_w[N], least[N];
        if constexpr (!kChannel) {
#pragma GCC unroll 8
          for (int n = 0; n < N; ++n) {
            of_w[n] = S::load_f16(scale[n] + scale_at + part * 32);
            if constexpr (kFormat == PanelFormat::kInt4Min) {
              least[n] = S::load_f16(minimum[n] + scale_at);
            }
          }
        }
#pragma GCC unroll 8
        for (int i = 0; i < M; ++i) {
          const auto of_x = S::set(x_scale[i][g]);
          [[maybe_unused]] typename S::F sum_of_x;
          if constexpr (kFormat == PanelFormat::kInt4Min) {
            sum_of_x = S::set(x_scale[i][g] * static_cast<float>(x_sum[i][2 * g + 1]));
          }
#pragma GCC unroll 8
          for (int n = 0; n < N; ++n) {
            auto exact = S::to_float(sums[i][n]);
            if constexpr (!kChannel) exact = S::mul(exact, of_w[n]);
            acc[i][n] = S::fma(exact, of_x, acc[i][n]);
            if constexpr (kFormat == PanelFormat::kInt4Min) {
              acc[i][n] = S::negated_fma(least[n], sum_of_x, acc[i][n]);
            }
          }
        }
      }
      if constexpr (!kChannel) {
        if (--left == 0) {
          left = shared;
          scale_at += kParts * 32;
        }
      }
    }
    if constexpr (kChannel) {
#pragma GCC unroll 8
      for (int i = 0; i < M; ++i) {
#pragma GCC unroll 8
        for (int n = 0; n < N; ++n) {
          acc[i][n] = S::mul(acc[i][n], S::load(reinterpret_cast<const float*>(scale[n])));
        }
      }
    }
    store_tile<S, M, N>(p, at, acc);
  }
};

// Tile `tile` of `tiles` that read the same panels.
template <class Format, int N>
TileAt tile_at(const PanelProduct& p, int row, int vector, int tile, int tiles) {
  if (p.m < Format::kAsksFrom) return {row, vector, p.panel, 0};
  constexpr int kPerPanel = PanelVectors<typename Format::S>::kPerPanel;
  const std::int64_t steps = (p.k + Format::kStep - 1) / Format::kStep, all_steps = tiles * steps;
  const std::int64_t bytes = (N * p.layout.bytes / kPerPanel + all_steps - 1) / all_steps;
  const std::byte* next = p.panel + (vector + N) * p.layout.bytes / kPerPanel;
  return {row, vector, next + tile * steps * bytes, bytes};
}

// All rows of x against N vectors, in tiles of nearly equal height.
template <class Format, class Shape, int N>
void all_rows(const PanelProduct& p, int vector) {
  constexpr int kMost = Shape::kRows;
  const int tiles = (p.m + kMost - 1) / kMost;
  int row = 0;
  for (int t = 0; t < tiles; ++t) {
    const int rows = (p.m - row + tiles - t - 1) / (tiles - t);
    const TileAt at = tile_at<Format, N>(p, row, vector, t, tiles);
    switch (rows) {
      case 1:
        Format::template tile<1, N>(p, at);
        break;
      case 2:
        Format::template tile<2, N>(p, at);
        break;
      case 3:
        if constexpr (kMost >= 3) Format::template tile<3, N>(p, at);
        break;
      case 4:
        if constexpr (kMost >= 4) Format::template tile<4, N>(p, at);
        break;
      case 5:
        if constexpr (kMost >= 5) Format::template tile<5, N>(p, at);
        break;
      default:
        if constexpr (kMost >= 6) Format::template tile<6, N>(p, at);
    }
    row += rows;
  }
}

// kRows x kVectors is the largest tile; kVectorsAlone the width for a single row.
template <int kRowsV, int kVectorsV, int kVectorsAloneV>
struct TileShape {
  static constexpr int kRows = kRowsV, kVectors = kVectorsV, kVectorsAlone = kVectorsAloneV;
};

template <class Format, class Shape>
void multiply_panels(const PanelProduct& p) {
  const int vectors = p.panels * PanelVectors<typename Format::S>::kPerPanel;
  int v = 0;
  if (p.m == 1) {
    for (; v + Shape::kVectorsAlone <= vectors; v += Shape::kVectorsAlone) {
      Format::template tile<1, Shape::kVectorsAlone>(p, tile_at<Format, Shape::kVectorsAlone>(p, 0, v, 0, 1));
    }
  }
  for (; v + Shape::kVectors <= vectors; v += Shape::kVectors) {
    all_rows<Format, Shape, Shape::kVectors>(p, v);
  }
  for (; v < vectors; ++v) all_rows<Format, Shape, 1>(p, v);
}

// Group g of whole-number activations: see ActivationForm. A group with an infinity or a NaN gets the scale
// NaN, so that it is not lost.
template <class S>
inline __attribute__((always_inline)) void quantize_group(const float* from, std::int64_t g, std::byte* q,
                                                          float* scales, std::int32_t* sums) {
  constexpr int kVectors = kActivationGroup / S::kLanes;
  // Magnitudes compare as whole numbers, and NaN is the largest.
  auto largest = S::magnitude_bits(from);
#pragma GCC unroll 4
  for (int v = 1; v < kVectors; ++v) largest = S::max_int(largest, S::magnitude_bits(from + v * S::kLanes));
  const std::int32_t bits = S::largest_int(largest);
  float magnitude;
  __builtin_memcpy(&magnitude, &bits, sizeof magnitude);
  const bool finite = bits < 0x7F800000;
  // Below that, the inverse would not be finite.
  const float inverse = finite && magnitude > 1e-30F ? 127 / magnitude : 0;
  typename S::I rounded[kVectors];
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v) {
    rounded[v] = finite ? S::to_int(S::mul(S::load(from + v * S::kLanes), S::set(inverse))) : S::set_int(0);
  }
  auto first = rounded[0], second = rounded[kVectors / 2];
#pragma GCC unroll 4
  for (int v = 1; v < kVectors / 2; ++v) {
    first = S::add_int(first, rounded[v]);
    second = S::add_int(second, rounded[kVectors / 2 + v]);
  }
  const std::int32_t low = S::sum_int(first);
  scales[g] = finite ? magnitude / 127 : __builtin_nanf("");
  sums[2 * g] = low;
  sums[2 * g + 1] = low + S::sum_int(second);
  S::store_activations(q + g * kActivationGroup * S::kTurns, rounded);
}

template <class S>
void quantize_row(const float* x, std::int64_t k, std::byte* q, float* scales, std::int32_t* sums) {
  const std::int64_t whole = k / kActivationGroup;
  for (std::int64_t g = 0; g < whole; ++g) {
    quantize_group<S>(x + g * kActivationGroup, g, q, scales, sums);
  }
  if (k % kActivationGroup == 0) return;
  alignas(64) float padded[kActivationGroup] = {};
  for (std::int64_t i = whole * kActivationGroup; i < k; ++i) padded[i % kActivationGroup] = x[i];
  quantize_group<S>(padded, whole, q, scales, sums);
}

// The table of an instruction set without dot products of BF16: one method per format.
template <class S>
constexpr PanelKernels make_panel_kernels(ActivationForm whole_numbers) {
  using Floats = typename S::FloatShape;
  using Ints = typename S::IntShape;
  PanelKernels kernels = {};
  const auto set = [&](PanelFormat format, ActivationForm form, void (*multiply)(const PanelProduct&)) {
    const auto at = static_cast<int>(format);
    kernels.few[at] = kernels.many[at] = {form, multiply, false};
    kernels.many_from[at] = kNever;
  };
  set(PanelFormat::kF32, ActivationForm::kF32, multiply_panels<FloatPanels<S, false>, Floats>);
  set(PanelFormat::kF16, ActivationForm::kF32, multiply_panels<FloatPanels<S, true>, Floats>);
  set(PanelFormat::kBF16, ActivationForm::kF32, multiply_panels<Bf16Panels<S>, Floats>);
  set(PanelFormat::kInt8Channel, whole_numbers,
      multiply_panels<IntPanels<S, PanelFormat::kInt8Channel>, Ints>);
  set(PanelFormat::kInt8, whole_numbers, multiply_panels<IntPanels<S, PanelFormat::kInt8>, Ints>);
  set(PanelFormat::kInt4, whole_numbers, multiply_panels<IntPanels<S, PanelFormat::kInt4>, Ints>);
  set(PanelFormat::kInt4Min, whole_numbers, multiply_panels<IntPanels<S, PanelFormat::kInt4Min>, Ints>);
  set(PanelFormat::kInt6, whole_numbers, multiply_panels<IntPanels<S, PanelFormat::kInt6>, Ints>);
  kernels.quantize = quantize_row<S>;
  return kernels;
}

}  // namespace
}  // namespace millrace
