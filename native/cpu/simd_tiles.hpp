// Products by tiles, for a type T that has the tile operations of AMX: the processor's (panels_amx.cpp), or
// the tests' imitation of them, which runs where there is no AMX. A panel of BF16 is a column of B tiles as
// it lies. Formats of whole numbers are unpacked to BF16 first, once for all rows.
#pragma once
#include <cstddef>
#include <cstdint>

#include "cpu/simd_panels_avx512bf16.hpp"

namespace millrace {
namespace {

constexpr int kTileRows = 16;
constexpr std::int64_t kTileBytes = 1024;  // of B: 32 k of 16 rows
constexpr std::int64_t kTileK = 32;

// Rows [row, row + 16 * kRowTiles) of x against panels [panel, panel + kPanels). Tiles 0 to 3 are sums, 4 and
// 5 rows of x, 6 and 7 panels.
template <class T, int kRowTiles, int kPanels>
void tile_block(const PanelProduct& p, const std::byte* panels, std::int64_t panel_bytes, int row,
                int panel) {
  const std::byte* x = p.x.data + row * p.x.row_bytes;
  const std::byte* w = panels + panel * panel_bytes;
  const std::int64_t below = kTileRows * p.x.row_bytes;
  T::template zero<0>();
  if constexpr (kPanels == 2) T::template zero<1>();
  if constexpr (kRowTiles == 2) T::template zero<2>();
  if constexpr (kRowTiles == 2 && kPanels == 2) T::template zero<3>();
  for (std::int64_t k = 0; k < p.layout.k; k += kTileK) {
    T::template load<6>(w + k / kTileK * kTileBytes, 64);
    if constexpr (kPanels == 2) T::template load<7>(w + panel_bytes + k / kTileK * kTileBytes, 64);
    T::template load<4>(x + k * 2, p.x.row_bytes);
    T::template dot<0, 4, 6>();
    if constexpr (kPanels == 2) T::template dot<1, 4, 7>();
    if constexpr (kRowTiles == 2) {
      T::template load<5>(x + below + k * 2, p.x.row_bytes);
      T::template dot<2, 5, 6>();
      if constexpr (kPanels == 2) T::template dot<3, 5, 7>();
    }
  }
  alignas(64) float sums[2][2][kTileRows][kPanelRows];
  T::template store<0>(sums[0][0][0], 64);
  if constexpr (kPanels == 2) T::template store<1>(sums[0][1][0], 64);
  if constexpr (kRowTiles == 2) T::template store<2>(sums[1][0][0], 64);
  if constexpr (kRowTiles == 2 && kPanels == 2) T::template store<3>(sums[1][1][0], 64);
  const int rows = p.m - row < kRowTiles * kTileRows ? p.m - row : kRowTiles * kTileRows;
  for (int i = 0; i < rows; ++i) {
    for (int n = 0; n < kPanels; ++n) {
      const __m512 sum = _mm512_load_ps(sums[i / kTileRows][n][i % kTileRows]);
      _mm512_storeu_ps(p.y + (row + i) * p.y_stride + static_cast<std::int64_t>(panel + n) * kPanelRows, sum);
    }
  }
}

template <class T, int kPanels>
void tile_rows(const PanelProduct& p, const std::byte* panels, std::int64_t panel_bytes, int panel) {
  int row = 0;
  for (; p.m - row > kTileRows; row += 2 * kTileRows) {
    tile_block<T, 2, kPanels>(p, panels, panel_bytes, row, panel);
  }
  if (row < p.m) tile_block<T, 1, kPanels>(p, panels, panel_bytes, row, panel);
}

template <class T>
void multiply_tiles(const PanelProduct& p, const std::byte* panels, std::int64_t panel_bytes) {
  const T tiles;
  int panel = 0;
  for (; panel + 2 <= p.panels; panel += 2) tile_rows<T, 2>(p, panels, panel_bytes, panel);
  if (panel < p.panels) tile_rows<T, 1>(p, panels, panel_bytes, panel);
}

template <class T>
void multiply_bf16_tiles(const PanelProduct& p) {
  multiply_tiles<T>(p, p.panel + p.layout.elements, p.layout.bytes);
}

// Two floats of each lane, rounded to BF16, side by side.
inline __m512i bf16_pairs(__m512 first, __m512 second) {
  const __m512i half = _mm512_set1_epi32(0x8000);
  const __m512i low = _mm512_srli_epi32(_mm512_add_epi32(_mm512_castps_si512(first), half), 16);
  const __m512i high = _mm512_add_epi32(_mm512_castps_si512(second), half);
  return _mm512_mask_blend_epi16(0xAAAAAAAA, low, high);
}

// A panel of whole numbers as one of BF16.
template <PanelFormat kFormat>
void unpack_panel(const PanelLayout& layout, const std::byte* panel, std::byte* to) {
  using S = Avx512VnniPanels;
  using Q = Quants<S, kFormat>;
  constexpr bool kChannel = kFormat == PanelFormat::kInt8Channel;
  const __m512i byte = _mm512_set1_epi32(255);
  const __m512 offset = _mm512_set1_ps(static_cast<float>(whole_number_offset(kFormat)));
  for (std::int64_t k = 0; k < layout.k; k += 4) {
    const std::int64_t g = k / 32;
    const auto v = static_cast<int>(k % 32 / 4);
    const __m512i q =
        Q::vector(panel + layout.elements + g * Q::kGroupBytes, panel + layout.high_bits + g * 128, v);
    const __m512 scale = kChannel ? S::load(reinterpret_cast<const float*>(panel + layout.scales))
                                  : S::load_f16(panel + layout.scales + k / layout.group * 32);
    __m512 values[4];
    const __m512i four[4] = {q, _mm512_srli_epi32(q, 8), _mm512_srli_epi32(q, 16), _mm512_srli_epi32(q, 24)};
    for (int i = 0; i < 4; ++i) {
      const __m512 number = _mm512_cvtepi32_ps(_mm512_and_si512(four[i], byte));
      if constexpr (kFormat == PanelFormat::kInt4Min) {
        values[i] =
            _mm512_fmsub_ps(number, scale, S::load_f16(panel + layout.minima + k / layout.group * 32));
      } else {
        values[i] = _mm512_mul_ps(_mm512_sub_ps(number, offset), scale);
      }
    }
    _mm512_store_si512(to + k * 32, bf16_pairs(values[0], values[1]));
    _mm512_store_si512(to + k * 32 + 64, bf16_pairs(values[2], values[3]));
  }
}

template <class T, PanelFormat kFormat>
void multiply_unpacked_tiles(const PanelProduct& p) {
  const std::int64_t bytes = p.layout.k * kPanelRows * 2;
  for (int panel = 0; panel < p.panels; ++panel) {
    unpack_panel<kFormat>(p.layout, p.panel + panel * p.layout.bytes, p.scratch + panel * bytes);
  }
  multiply_tiles<T>(p, p.scratch, bytes);
}

// Tiles from so many rows of x on. A tile multiplies sixteen rows in the time of one, so they pay as soon as
// there is more than one row; where the weights are unpacked first, when that is spread over enough rows.
constexpr int kTilesFrom = 2, kUnpackedTilesFrom = 12;

// With `one_method`, the method does not depend on the number of rows: results are the same in every batch.
template <class T>
constexpr PanelKernels make_tile_kernels(bool one_method) {
  PanelKernels kernels = make_bf16_panel_kernels();
  const auto set = [&](PanelFormat format, void (*multiply)(const PanelProduct&), bool unpacks, int from) {
    const auto at = static_cast<int>(format);
    kernels.many[at] = {ActivationForm::kBF16, multiply, unpacks};
    kernels.many_from[at] = from;
  };
  set(PanelFormat::kBF16, multiply_bf16_tiles<T>, false, one_method ? 1 : kTilesFrom);
  const int from = one_method ? kNever : kUnpackedTilesFrom;
  set(PanelFormat::kInt8Channel, multiply_unpacked_tiles<T, PanelFormat::kInt8Channel>, true, from);
  set(PanelFormat::kInt8, multiply_unpacked_tiles<T, PanelFormat::kInt8>, true, from);
  set(PanelFormat::kInt4, multiply_unpacked_tiles<T, PanelFormat::kInt4>, true, from);
  set(PanelFormat::kInt4Min, multiply_unpacked_tiles<T, PanelFormat::kInt4Min>, true, from);
  set(PanelFormat::kInt6, multiply_unpacked_tiles<T, PanelFormat::kInt6>, true, from);
  return kernels;
}

}  // namespace
}  // namespace millrace
