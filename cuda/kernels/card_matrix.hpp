// A matrix as a card keeps it.
//
// Floats lie row by row, `row_elements` apart, zeros behind the last column; rows of 16-bit floats begin at
// multiples of 64 bytes.
//
// Whole numbers lie as the tensor cores want them. A panel is 8 rows. A block is 64 bytes of a row: 64 k of
// int8, 128 k of int4. A panel's block is 512 bytes, [8 rows][4 quarters][16 bytes]; panels follow each
// other, and in a panel its blocks. Quarter q of a block has the codes of k = 16 step + 4 q + i, with i from
// 0 to 3: of each 16 k that the tensor cores take at a time, the 4 that a lane has. In the quarter,
//
//   int8   byte 4 step + i is the code; w = scale * (code - 128)
//   int4   word step / 2 has the code in four bits from 8 (step % 2) + 4 (i / 2) + 16 (i % 2) on, so that
//          codes i and i + 1 fall into the two halves of a word; w = scale * (code - 8), or with minima
//          w = scale * code - minimum
//
// Scales and minima are F16, [panel][block][8 rows][scales of a block]; with one scale for a row they are
// F32, one after the other. What lies behind the last row or column is 0.
#pragma once
#include <cstdint>

#include "platform/float_types.hpp"

namespace millrace::gpu {

enum class CardFormat : std::uint8_t { kF32, kF16, kBF16, kInt8, kInt4, kInt4Min };

constexpr int kPanelRowsOfCard = 8;
constexpr int kBlockBytesOfRow = 64;
constexpr int kPanelBlockBytes = kPanelRowsOfCard * kBlockBytesOfRow;

__host__ __device__ constexpr bool has_codes(CardFormat format) {
  return format >= CardFormat::kInt8;
}

// k of a block.
__host__ __device__ constexpr int block_k(CardFormat format) {
  return format == CardFormat::kInt8 ? 64 : 128;
}

struct CardMatrix {
  CardFormat format = CardFormat::kF32;
  int group = 0;            // k that share a scale: 16, 32, 64 or 128, within a block; 0 = the whole row
  int scales_of_block = 0;  // block_k / group, 0 with one for the row
  int rows = 0, cols = 0;
  std::int64_t row_elements = 0;  // floats only
  int blocks = 0;                 // of a row; codes only
  const void* elements = nullptr;
  const void* scales = nullptr;
  const std::uint16_t* minima = nullptr;

  // Where the scales of a row's block begin.
  [[nodiscard]] __host__ __device__ std::int64_t scales_at(int row, int block) const {
    return ((static_cast<std::int64_t>(row / kPanelRowsOfCard) * blocks + block) * kPanelRowsOfCard +
            row % kPanelRowsOfCard) *
           scales_of_block;
  }
  // In bytes, of a row's block.
  [[nodiscard]] __host__ __device__ std::int64_t codes_at(int row, int block) const {
    return (static_cast<std::int64_t>(row / kPanelRowsOfCard) * blocks + block) * kPanelBlockBytes +
           row % kPanelRowsOfCard * kBlockBytesOfRow;
  }
};

// The code of one element, for what is not in a hurry.
__host__ __device__ __forceinline__ int code_of(const CardMatrix& w, int row, int k) {
  const int of_block = block_k(w.format);
  const auto* block = static_cast<const std::uint8_t*>(w.elements) + w.codes_at(row, k / of_block);
  const int step = k % of_block / 16, quarter = k % 16 / 4, i = k % 4;
  if (w.format == CardFormat::kInt8) return block[quarter * 16 + step * 4 + i];
  const int bit = 8 * (step % 2) + 4 * (i / 2) + 16 * (i % 2);
  const int byte = block[quarter * 16 + step / 2 * 4 + bit / 8];
  return byte >> bit % 8 & 15;
}

// Where the scale of one element is. No division by what is not known when this is compiled.
__host__ __device__ inline std::int64_t scale_at(const CardMatrix& w, int row, int k) {
  const int of_block = block_k(w.format);
  return w.scales_at(row, k / of_block) + k % of_block * w.scales_of_block / of_block;
}

__host__ __device__ __forceinline__ float scale_of(const CardMatrix& w, int row, int k) {
  if (w.group == 0) return static_cast<const float*>(w.scales)[row];
  return to_float(static_cast<const f16*>(w.scales)[scale_at(w, row, k)]);
}

__host__ __device__ __forceinline__ float minimum_of(const CardMatrix& w, int row, int k) {
  return to_float(f16{w.minima[scale_at(w, row, k)]});
}

__host__ __device__ __forceinline__ float value_of(const CardMatrix& w, int row, int k) {
  const std::int64_t at = row * w.row_elements + k;
  switch (w.format) {
    case CardFormat::kF32:
      return static_cast<const float*>(w.elements)[at];
    case CardFormat::kF16:
      return to_float(static_cast<const f16*>(w.elements)[at]);
    case CardFormat::kBF16:
      return to_float(static_cast<const bf16*>(w.elements)[at]);
    case CardFormat::kInt8:
      return scale_of(w, row, k) * static_cast<float>(code_of(w, row, k) - 128);
    case CardFormat::kInt4:
      return scale_of(w, row, k) * static_cast<float>(code_of(w, row, k) - 8);
    case CardFormat::kInt4Min:
      return scale_of(w, row, k) * static_cast<float>(code_of(w, row, k)) - minimum_of(w, row, k);
  }
  return 0;
}

}  // namespace millrace::gpu
