#include "cpu/pack_blocks.hpp"

#include "cpu/packed_weight.hpp"
#include "device_fixture.hpp"

using namespace millrace;
using namespace millrace::test;

namespace {

struct Packed {
  PanelLayout layout;
  std::vector<std::byte> bytes;

  Packed(const WeightView& view, std::int64_t row)
      : layout(panel_layout(stored_format(view.dtype).format, view.cols, stored_format(view.dtype).group)),
        bytes(static_cast<std::size_t>(layout.bytes)) {
    pack_blocks(view, row, layout, bytes.data());
  }
  [[nodiscard]] float scale(int r, std::int64_t k) const { return panel_scale(layout, bytes.data(), r, k); }
  [[nodiscard]] float minimum(int r, std::int64_t k) const {
    return panel_minimum(layout, bytes.data(), r, k);
  }
  [[nodiscard]] int code(int r, std::int64_t k) const { return panel_quant(layout, bytes.data(), r, k); }
};

const std::byte* block_of(const WeightView& view, std::int64_t row, std::int64_t k) {
  return view.data + row * view.row_bytes +
         storage_bytes(view.dtype, k / block_elements(view.dtype) * block_elements(view.dtype));
}

float f16_at(const std::byte* from) {
  return f16_to_float(load_unaligned<std::uint16_t>(from));
}

float to_f16_and_back(float value) {
  return f16_to_float(float_to_f16(value));
}

}  // namespace

TEST("a packed panel of Q4_0 holds the block's values exactly") {
  std::mt19937_64 rng = make_rng();
  for (const int rows : {1, 16, 21}) {
    const RandomWeight weight(DType::kQ4_0, rows, 32 * uniform(rng, 1, 9), rng);
    for (std::int64_t row = 0; row < rows; row += 16) {
      const Packed panel(weight.view(), row);
      for (int r = 0; r < std::min<std::int64_t>(16, rows - row); ++r) {
        for (std::int64_t k = 0; k < weight.cols; ++k) {
          CHECK_EQ(panel.scale(r, k) * static_cast<float>(panel.code(r, k) - 8),
                   static_cast<float>(weight.value(row + r, k)));
        }
      }
    }
  }
}

TEST("a packed panel of Q4_K has its whole numbers, and scales and minima rounded to F16") {
  std::mt19937_64 rng = make_rng();
  const RandomWeight weight(DType::kQ4_K, 19, 768, rng);
  for (const std::int64_t row : {0, 16}) {
    const Packed panel(weight.view(), row);
    for (int r = 0; r < std::min<std::int64_t>(16, 19 - row); ++r) {
      for (std::int64_t k = 0; k < weight.cols; ++k) {
        const std::byte* block = block_of(weight.view(), row + r, k);
        const Q4KScales groups = q4k_scales(block);
        const std::int64_t group = k % 256 / 32;
        const float scale = f16_at(block) * groups.scales[group],
                    minimum = f16_at(block + 2) * groups.minima[group];
        CHECK_EQ(panel.scale(r, k), to_f16_and_back(scale));
        CHECK_EQ(panel.minimum(r, k), to_f16_and_back(minimum));
        CHECK_EQ(scale * static_cast<float>(panel.code(r, k)) - minimum,
                 static_cast<float>(weight.value(row + r, k)));
      }
    }
  }
}

TEST("a packed panel of Q6_K has its whole numbers, and scales rounded to F16") {
  std::mt19937_64 rng = make_rng();
  const RandomWeight weight(DType::kQ6_K, 19, 512, rng);
  for (const std::int64_t row : {0, 16}) {
    const Packed panel(weight.view(), row);
    for (int r = 0; r < std::min<std::int64_t>(16, 19 - row); ++r) {
      for (std::int64_t k = 0; k < weight.cols; ++k) {
        const std::byte* block = block_of(weight.view(), row + r, k);
        const float scale =
            f16_at(block + 208) * static_cast<float>(static_cast<std::int8_t>(block[192 + k % 256 / 16]));
        CHECK_EQ(panel.scale(r, k), to_f16_and_back(scale));
        CHECK_EQ(scale * static_cast<float>(panel.code(r, k) - 32),
                 static_cast<float>(weight.value(row + r, k)));
      }
    }
  }
}

TEST("rows past the end of a weight have scale 0 in its last panel") {
  std::mt19937_64 rng = make_rng();
  for (const DType dtype : {DType::kQ4_0, DType::kQ4_K, DType::kQ6_K}) {
    const RandomWeight weight(dtype, 3, 256, rng);
    const Packed panel(weight.view(), 0);
    for (int r = 3; r < 16; ++r) {
      for (std::int64_t k = 0; k < 256; k += 16) {
        CHECK_EQ(panel.scale(r, k), 0.0F);
        if (dtype == DType::kQ4_K) CHECK_EQ(panel.minimum(r, k), 0.0F);
      }
    }
  }
}
