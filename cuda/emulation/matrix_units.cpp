#include "platform/matrix_units.hpp"

#include <cstring>
#include <stdexcept>

namespace millrace::gpu {
namespace {

template <typename T>
float element(std::uint32_t word, int half) {
  return to_float(T{static_cast<std::uint16_t>(word >> (16 * half))});
}

struct Product {
  float* d;
  const std::uint32_t* a;
  const std::uint32_t* b;
};

template <typename T>
void multiply(void* const payloads[32], std::uint32_t mask) {
  if (mask != kFullWarp) throw std::logic_error("a matrix product needs the whole warp");
  const auto of = [&](int lane) -> Product& { return *static_cast<Product*>(payloads[lane]); };
  float a[16][16], b[16][8];
  for (int lane = 0; lane < 32; ++lane) {
    const int group = lane / 4, pair = lane % 4 * 2;
    for (int half = 0; half < 2; ++half) {
      for (int part = 0; part < 4; ++part)
        a[group + part % 2 * 8][pair + part / 2 * 8 + half] = element<T>(of(lane).a[part], half);
      for (int part = 0; part < 2; ++part)
        b[pair + part * 8 + half][group] = element<T>(of(lane).b[part], half);
    }
  }
  for (int lane = 0; lane < 32; ++lane) {
    for (int i = 0; i < 4; ++i) {
      const int row = lane / 4 + i / 2 * 8, col = lane % 4 * 2 + i % 2;
      float sum = of(lane).d[i];
      for (int k = 0; k < 16; ++k) sum += a[row][k] * b[k][col];
      of(lane).d[i] = sum;
    }
  }
}

struct Load {
  std::uint32_t* out;
  const void* row;
};

template <bool kTransposed>
void load(void* const payloads[32], std::uint32_t mask) {
  if (mask != kFullWarp) throw std::logic_error("a load of matrices needs the whole warp");
  const auto of = [&](int lane) -> Load& { return *static_cast<Load*>(payloads[lane]); };
  for (int matrix = 0; matrix < 4; ++matrix) {
    std::uint16_t elements[8][8];
    for (int row = 0; row < 8; ++row) {
      const void* from = of(matrix * 8 + row).row;
      if (reinterpret_cast<std::uintptr_t>(from) % 16 != 0)
        throw std::logic_error("a row of a matrix does not begin at a multiple of 16 bytes");
      std::memcpy(elements[row], from, sizeof(elements[row]));
    }
    for (int lane = 0; lane < 32; ++lane) {
      const int line = lane / 4, pair = lane % 4 * 2;
      const std::uint32_t low = kTransposed ? elements[pair][line] : elements[line][pair];
      const std::uint32_t high = kTransposed ? elements[pair + 1][line] : elements[line][pair + 1];
      of(lane).out[matrix] = low | high << 16;
    }
  }
}

template <typename T>
void meet_to_multiply(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  Product product{d, a, b};
  emulation::warp_collective(kFullWarp, &product, multiply<T>);
}

}  // namespace

template <>
void multiply_16x8x16<bf16>(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  meet_to_multiply<bf16>(d, a, b);
}

template <>
void multiply_16x8x16<f16>(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  meet_to_multiply<f16>(d, a, b);
}

void load_matrices(std::uint32_t (&out)[4], const void* row) {
  Load request{out, row};
  emulation::warp_collective(kFullWarp, &request, load<false>);
}

void load_matrices_transposed(std::uint32_t (&out)[4], const void* row) {
  Load request{out, row};
  emulation::warp_collective(kFullWarp, &request, load<true>);
}

}  // namespace millrace::gpu
