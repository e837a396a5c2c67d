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

#include "core/dtype.hpp"
#include "cpu/convert.hpp"
#include "cpu/cpu_device.hpp"
#include "harness.hpp"

namespace millrace::test {

constexpr DType kDTypes[] = {DType::kF32, DType::kF16, DType::kBF16, DType::kQ8_0};

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
      if (type == DType::kQ8_0) {
        for (std::int64_t b = 0; b < c / 32; ++b) put_block(i, b, normal(rng), rng);
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
  void put_block(std::int64_t r, std::int64_t block, float scale, std::mt19937_64& rng) {
    const std::uint16_t bits = float_to_f16(scale / 64);
    std::byte* to = row_at(r) + block * 34;
    std::memcpy(to, &bits, 2);
    for (int i = 0; i < 32; ++i) {
      const auto q = static_cast<std::int8_t>(uniform(rng, -127, 127));
      std::memcpy(to + 2 + i, &q, 1);
      values.push_back(static_cast<double>(f16_to_float(bits)) * q);
    }
  }
};

inline bool same_bits(const Matrix& a, const Matrix& b) {
  const auto same = [](float x, float y) {
    return std::bit_cast<std::uint32_t>(x) == std::bit_cast<std::uint32_t>(y);
  };
  return std::equal(a.data.begin(), a.data.end(), b.data.begin(), b.data.end(), same);
}

}  // namespace millrace::test
