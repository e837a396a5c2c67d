// Weights on the emulated card, in every form that a checkpoint and the options can give them.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "cpu/device_fixture.hpp"
#include "device/card_weight.hpp"
#include "kernel_fixture.hpp"

namespace millrace::test {

// A checkpoint's type, and what is made of it at load.
struct WeightForm {
  DType dtype;
  Quantization quantization = {};

  // Columns come in multiples of this.
  [[nodiscard]] std::int64_t unit() const {
    return std::max<std::int64_t>(block_elements(dtype), quantization.group);
  }
  [[nodiscard]] std::int64_t whole(std::int64_t cols) const { return (cols + unit() - 1) / unit() * unit(); }
  [[nodiscard]] std::string name() const {
    return std::string(dtype_name(dtype)) + "/" + std::to_string(static_cast<int>(quantization.kind)) + "/" +
           std::to_string(quantization.group);
  }
};

inline constexpr WeightForm kWeightForms[] = {{DType::kF32},
                                              {DType::kF16},
                                              {DType::kBF16},
                                              {DType::kQ8_0},
                                              {DType::kQ4_0},
                                              {DType::kQ4_K},
                                              {DType::kQ6_K},
                                              {DType::kBF16, {Quantization::Kind::kInt8}},
                                              {DType::kF32, {Quantization::Kind::kInt4, 32}},
                                              {DType::kF16, {Quantization::Kind::kInt4, 64}},
                                              {DType::kBF16, {Quantization::Kind::kInt4, 128}}};

template <typename T>
constexpr gpu::CardFormat kCardFormatOf = gpu::CardFormat::kF32;
template <>
inline constexpr gpu::CardFormat kCardFormatOf<gpu::bf16> = gpu::CardFormat::kBF16;
template <>
inline constexpr gpu::CardFormat kCardFormatOf<gpu::f16> = gpu::CardFormat::kF16;

// Small stages, so that weights of tests need several.
inline std::unique_ptr<gpu::CardWeight> upload_to_card(gpu::CardFormat activations,
                                                       std::span<const WeightView> views,
                                                       Quantization quantization = {}) {
  gpu::WeightUploader uploader(activations, 2, 4096);
  return uploader.upload(views, quantization);
}

// What the card has of a row: its memory is ours.
inline std::vector<float> card_row(const gpu::CardWeight& weight, std::int64_t row) {
  const auto segments = weight.segments();
  std::size_t i = segments.size() - 1;
  while (segments[i].first_row > row) --i;
  std::vector<float> values;
  for (int k = 0; k < static_cast<int>(weight.cols()); ++k)
    values.push_back(gpu::value_of(segments[i].matrix, static_cast<int>(row) - segments[i].first_row, k));
  return values;
}

}  // namespace millrace::test
