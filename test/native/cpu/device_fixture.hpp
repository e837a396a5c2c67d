// What the tests of the CPU device share: devices, random weights in every element type, small matrices.
#pragma once
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "core/convert.hpp"
#include "core/dtype.hpp"
#include "cpu/block_formats.hpp"
#include "cpu/cpu_device.hpp"
#include "harness.hpp"

namespace millrace::test {

constexpr DType kDTypes[] = {DType::kF32,  DType::kF16,  DType::kBF16, DType::kQ8_0,
                             DType::kQ4_0, DType::kQ4_K, DType::kQ6_K};

// The instruction sets that can be tested here; kernels_test.cpp says which cannot.
inline std::vector<Isa> tested_isas() {
  std::vector<Isa> isas;
  for (const Isa isa : kIsas) {
    if (has_isa(isa)) isas.push_back(isa);
  }
  return isas;
}

inline std::unique_ptr<CpuDevice> make_device(Isa isa, int threads = 1, bool deterministic = false) {
  return std::make_unique<CpuDevice>(0, std::make_shared<ThreadPool>(threads), isa,
                                     std::make_shared<MemoryBudget>(std::int64_t{1} << 32), deterministic);
}

inline int uniform(std::mt19937_64& rng, int low, int high) {
  return std::uniform_int_distribution<int>(low, high)(rng);
}

// A matrix of activations whose rows are further apart than they are long, with a guard value between.
struct Matrix {
  static constexpr float kGuard = -12345;
  int rows, cols;
  std::int64_t stride;
  std::vector<float> data;

  Matrix(int r, int c)
      : rows(r), cols(c), stride(c + 3), data(static_cast<std::size_t>(r * (c + 3)), kGuard) {}
  Matrix(int r, int c, std::mt19937_64& rng) : Matrix(r, c) {
    std::normal_distribution<float> normal;
    for (int i = 0; i < r; ++i) {
      for (int j = 0; j < c; ++j) at(i, j) = normal(rng);
    }
  }
  float& at(int r, int c) { return data[static_cast<std::size_t>(r * stride + c)]; }
  [[nodiscard]] float at(int r, int c) const { return data[static_cast<std::size_t>(r * stride + c)]; }
  Tensor tensor() { return {data.data(), rows, cols, stride}; }
  // Rows [first, first + count).
  Tensor slice(int first, int count) { return {data.data() + first * stride, count, cols, stride}; }
  [[nodiscard]] bool guards_hold() const {
    for (int i = 0; i < rows; ++i) {
      for (std::int64_t j = cols; j < stride; ++j) {
        if (data[static_cast<std::size_t>(i * stride + j)] != kGuard) return false;
      }
    }
    return true;
  }
};

// Random rows in an element type, one byte off any alignment, with the values they stand for.
struct RandomWeight {
  DType dtype;
  std::int64_t rows, cols, row_bytes;
  std::vector<std::byte> bytes;
  std::vector<double> values;  // (rows, cols)

  RandomWeight(DType type, std::int64_t r, std::int64_t c, std::mt19937_64& rng)
      : dtype(type), rows(r), cols(c), row_bytes(storage_bytes(type, c) + 5) {
    bytes.resize(static_cast<std::size_t>(1 + r * row_bytes));
    std::normal_distribution<float> normal;
    for (std::int64_t i = 0; i < r; ++i) {
      if (is_quantized(type)) {
        put_blocks(i, rng);
      } else {
        for (std::int64_t j = 0; j < c; ++j) put(i, j, normal(rng));
      }
    }
  }
  [[nodiscard]] WeightView view() const { return {bytes.data() + 1, dtype, rows, cols, row_bytes}; }
  [[nodiscard]] double value(std::int64_t r, std::int64_t c) const {
    return values[static_cast<std::size_t>(r * cols + c)];
  }

 private:
  std::byte* row_at(std::int64_t r) { return bytes.data() + 1 + r * row_bytes; }
  void put(std::int64_t r, std::int64_t c, float value) {
    if (dtype == DType::kF32) {
      std::memcpy(row_at(r) + c * 4, &value, 4);
      values.push_back(value);
      return;
    }
    const std::uint16_t bits = dtype == DType::kF16 ? float_to_f16(value) : float_to_bf16(value);
    std::memcpy(row_at(r) + c * 2, &bits, 2);
    values.push_back(dtype == DType::kF16 ? f16_to_float(bits) : bf16_to_float(bits));
  }
  // Random codes and scales; block_formats_test.cpp holds widen_row() to independent values.
  void put_blocks(std::int64_t r, std::mt19937_64& rng) {
    std::normal_distribution<float> normal;
    const std::int64_t block = block_bytes(dtype), size = storage_bytes(dtype, cols);
    std::byte* row = row_at(r);
    for (std::int64_t i = 0; i < size; ++i) row[i] = static_cast<std::byte>(rng());
    for (std::byte* at = row; at < row + size; at += block) {
      const auto scale = [&](int offset, float value) {
        const std::uint16_t bits = float_to_f16(value);
        std::memcpy(at + offset, &bits, 2);
      };
      if (dtype == DType::kQ6_K) {
        scale(208, normal(rng) / 2048);
      } else {
        scale(0, normal(rng) / (dtype == DType::kQ8_0 ? 64.0F : dtype == DType::kQ4_0 ? 4.0F : 256.0F));
      }
      if (dtype == DType::kQ4_K) scale(2, std::fabs(normal(rng)) / 32);
    }
    std::vector<float> widened(static_cast<std::size_t>(cols));
    widen_row(dtype, row, widened.data(), cols);
    values.insert(values.end(), widened.begin(), widened.end());
  }
};

inline bool same_bits(const Matrix& a, const Matrix& b) {
  const auto same = [](float x, float y) {
    return std::bit_cast<std::uint32_t>(x) == std::bit_cast<std::uint32_t>(y);
  };
  return std::equal(a.data.begin(), a.data.end(), b.data.begin(), b.data.end(), same);
}

}  // namespace millrace::test
