#include "cpu/block_formats.hpp"

#include "device_fixture.hpp"

using namespace millrace;
using namespace millrace::test;

// The gguf package's values are compared by test/native/block-formats.test.ts. Here: one element at a time,
// with everything else in the block zero, so that a wrong place shows as a wrong element.

namespace {

std::vector<float> widened(DType dtype, const std::vector<std::byte>& block) {
  std::vector<float> values(static_cast<std::size_t>(block_elements(dtype)), -1);
  widen_row(dtype, block.data(), values.data(), block_elements(dtype));
  return values;
}

void put_scale(std::vector<std::byte>& block, std::size_t at, float value) {
  const std::uint16_t bits = float_to_f16(value);
  std::memcpy(&block[at], &bits, 2);
}

}  // namespace

TEST("Q4_0 keeps elements i and i + 16 in the halves of byte i, around 8") {
  for (std::size_t i = 0; i < 32; ++i) {
    std::vector<std::byte> block(18, std::byte{0x88});
    put_scale(block, 0, -0.5F);
    block[2 + i % 16] = std::byte{static_cast<unsigned char>(i < 16 ? 0x8F : 0x08)};
    const std::vector<float> values = widened(DType::kQ4_0, block);
    for (std::size_t j = 0; j < 32; ++j) CHECK_EQ(values[j], j != i ? -0.0F : i < 16 ? -3.5F : 4.0F);
  }
}

TEST("Q4_K packs eight scales and eight minima of six bits into twelve bytes") {
  for (unsigned group = 0; group < 8; ++group) {
    for (unsigned bit = 0; bit < 6; ++bit) {
      // As ggml lays them out: see the gguf package, Q4_K.get_scale_min.
      std::vector<std::byte> scales(144), minima(144);
      const unsigned low = group < 4 ? group : 4 + group;
      const auto place = [&](std::vector<std::byte>& block, bool is_minimum) {
        std::size_t at = 4 + low;
        unsigned shift = bit;
        if (group < 4) {
          at += is_minimum ? 4 : 0;
        } else if (bit < 4) {
          shift += is_minimum ? 4 : 0;
        } else {
          at = 4 + group - 4 + (is_minimum ? 4 : 0);
          shift = 2 + bit;
        }
        block[at] = std::byte{static_cast<unsigned char>(1U << shift)};
      };
      place(scales, false);
      place(minima, true);
      const Q4KScales a = q4k_scales(scales.data()), b = q4k_scales(minima.data());
      for (unsigned g = 0; g < 8; ++g) {
        CHECK_EQ(int{a.scales[g]}, g == group ? 1 << bit : 0);
        CHECK_EQ(int{a.minima[g]}, 0);
        CHECK_EQ(int{b.minima[g]}, g == group ? 1 << bit : 0);
        CHECK_EQ(int{b.scales[g]}, 0);
      }
    }
  }
}

TEST("Q4_K takes each 32 bytes as two groups, the low halves first") {
  for (std::size_t i = 0; i < 256; ++i) {
    std::vector<std::byte> block(144);
    put_scale(block, 0, 2);
    put_scale(block, 2, 1);
    for (std::size_t g = 0; g < 4; ++g) {
      block[4 + g] = std::byte{static_cast<unsigned char>(g + 1)};            // scales 1 to 4
      block[8 + g] = std::byte{static_cast<unsigned char>(g + 1)};            // minima 1 to 4
      block[12 + g] = std::byte{static_cast<unsigned char>((g + 5) * 0x11)};  // 5 to 8 of both
    }
    block[16 + i / 64 * 32 + i % 32] = i % 64 < 32 ? std::byte{0x0B} : std::byte{0xB0};
    const std::vector<float> values = widened(DType::kQ4_K, block);
    for (std::size_t j = 0; j < 256; ++j) {
      const auto group = static_cast<float>(j / 32 + 1);
      CHECK_EQ(values[j], (j == i ? 22 * group : 0) - group);
    }
  }
}

TEST("Q6_K takes each 128 elements as four runs of 32, with two bits from other bytes") {
  for (std::size_t i = 0; i < 256; ++i) {
    std::vector<std::byte> block(210);
    put_scale(block, 208, 0.25F);
    for (std::size_t g = 0; g < 16; ++g) block[192 + g] = static_cast<std::byte>(g % 2 == 0 ? g + 1 : -1 - g);
    const std::size_t part = i / 128, run = i % 128 / 32, at = i % 32;
    block[part * 64 + run % 2 * 32 + at] = run < 2 ? std::byte{0x05} : std::byte{0x50};
    block[128 + part * 32 + at] = std::byte{static_cast<unsigned char>(3U << (2 * run))};
    const std::vector<float> values = widened(DType::kQ6_K, block);
    for (std::size_t j = 0; j < 256; ++j) {
      const std::size_t g = j / 16;
      const auto scale = (g % 2 == 0 ? 1.0F : -1.0F) * static_cast<float>(g + 1) / 4;
      CHECK_EQ(values[j], scale * (j == i ? 53 - 32 : -32));
    }
  }
}

TEST("the float types widen exactly") {
  std::mt19937_64 rng = make_rng();
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
    const RandomWeight weight(dtype, 1, 77, rng);
    std::vector<float> values(77);
    widen_row(dtype, weight.view().data, values.data(), 77);
    for (int i = 0; i < 77; ++i)
      CHECK_EQ(static_cast<double>(values[static_cast<std::size_t>(i)]), weight.value(0, i));
  }
}

TEST("Q8_0 multiplies 32 signed bytes by their scale") {
  std::vector<std::byte> block(34);
  put_scale(block, 0, 0.5F);
  for (std::size_t i = 0; i < 32; ++i) block[2 + i] = static_cast<std::byte>(static_cast<int>(i) * 8 - 128);
  const std::vector<float> values = widened(DType::kQ8_0, block);
  for (std::size_t i = 0; i < 32; ++i) CHECK_EQ(values[i], static_cast<float>(i) * 4 - 64);
}
