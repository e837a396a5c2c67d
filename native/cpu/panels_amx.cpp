#include "cpu/panel_tables.hpp"

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__) && defined(__AVX512DQ__) && \
    defined(__AVX512VNNI__) && defined(__AVX512BF16__) && defined(__AMX_TILE__) && defined(__AMX_BF16__)
#include "cpu/simd_tiles.hpp"

namespace millrace {
namespace {

// The processor's tiles: eight of 16 rows of 64 bytes, while one of these lives. A thread that has none costs
// the system nothing when it is switched.
struct AmxTiles {
  AmxTiles() {
    struct alignas(64) Configuration {
      std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
      std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
      std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
    };
    static_assert(sizeof(Configuration) == 64);
    const Configuration configuration;
    __asm__ volatile("ldtilecfg %0" : : "m"(configuration));
  }
  ~AmxTiles() { __asm__ volatile("tilerelease"); }
  AmxTiles(const AmxTiles&) = delete;
  AmxTiles& operator=(const AmxTiles&) = delete;

  // By hand: the intrinsics take literal numbers only, and gcc 12's _tile_loadconfig declares eight bytes of
  // its operand as read, so that the other stores to it are dropped.
  template <int kTile>
  static void zero() {
    __asm__ volatile("tilezero %%tmm%c0" : : "i"(kTile));
  }
  template <int kTile>
  static void load(const std::byte* from, std::int64_t stride) {
    __asm__ volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(from), "r"(stride), "i"(kTile) : "memory");
  }
  template <int kTile>
  static void store(float* to, std::int64_t stride) {
    __asm__ volatile("tilestored %%tmm%c2, (%0,%1,1)" : : "r"(to), "r"(stride), "i"(kTile) : "memory");
  }
  template <int kSum, int kX, int kW>
  static void dot() {
    __asm__ volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(kSum), "i"(kX), "i"(kW));
  }
};

}  // namespace

const PanelKernels* amx_panels(bool one_method) {
  static constexpr PanelKernels kFastest = make_tile_kernels<AmxTiles>(false);
  static constexpr PanelKernels kOneMethod = make_tile_kernels<AmxTiles>(true);
  return one_method ? &kOneMethod : &kFastest;
}

}  // namespace millrace
#else
namespace millrace {

const PanelKernels* amx_panels(bool) {
  return nullptr;
}

}  // namespace millrace
#endif
