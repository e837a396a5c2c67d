#include "imitated_tiles.hpp"

#include <cstring>

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__) && defined(__AVX512DQ__) && \
    defined(__AVX512VNNI__) && defined(__AVX512BF16__)
#include "cpu/simd_tiles.hpp"

namespace millrace::test {
namespace {

struct Registers {
  alignas(64) std::byte tiles[8][16][64];
};
// Full of NaN when a thread configures them, so that a tile that nobody set is seen.
thread_local Registers registers;

float bf16_at(const std::byte* from) {
  std::uint16_t half;
  std::memcpy(&half, from, sizeof half);
  const std::uint32_t bits = static_cast<std::uint32_t>(half) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// What the tile instructions do, by their description: 16 rows of 64 bytes; a dot product adds, for each row
// of x and each column of w, the products of the even elements and those of the odd ones.
struct ImitatedTiles {
  ImitatedTiles() { std::memset(&registers, 0xFF, sizeof registers); }

  template <int kTile>
  static void zero() {
    std::memset(registers.tiles[kTile], 0, sizeof registers.tiles[kTile]);
  }
  template <int kTile>
  static void load(const std::byte* from, std::int64_t stride) {
    for (int i = 0; i < 16; ++i) std::memcpy(registers.tiles[kTile][i], from + i * stride, 64);
  }
  template <int kTile>
  static void store(float* to, std::int64_t stride) {
    for (int i = 0; i < 16; ++i) {
      std::memcpy(reinterpret_cast<std::byte*>(to) + i * stride, registers.tiles[kTile][i], 64);
    }
  }
  template <int kSum, int kX, int kW>
  static void dot() {
    for (int i = 0; i < 16; ++i) {
      for (int n = 0; n < 16; ++n) {
        float even = 0, odd = 0;
        for (int k = 0; k < 16; ++k) {
          const std::byte *x = registers.tiles[kX][i] + 4 * k, *w = registers.tiles[kW][k] + 4 * n;
          even += bf16_at(x) * bf16_at(w);
          odd += bf16_at(x + 2) * bf16_at(w + 2);
        }
        float sum;
        std::byte* at = registers.tiles[kSum][i] + 4 * n;
        std::memcpy(&sum, at, sizeof sum);
        sum += even + odd;
        std::memcpy(at, &sum, sizeof sum);
      }
    }
  }
};

}  // namespace

const PanelKernels* imitated_tile_panels(bool one_method) {
  static constexpr PanelKernels kFastest = make_tile_kernels<ImitatedTiles>(false);
  static constexpr PanelKernels kOneMethod = make_tile_kernels<ImitatedTiles>(true);
  return one_method ? &kOneMethod : &kFastest;
}

}  // namespace millrace::test
#else
namespace millrace::test {

const PanelKernels* imitated_tile_panels(bool) {
  return nullptr;
}

}  // namespace millrace::test
#endif
