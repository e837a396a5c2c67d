// As Avx512Panels, with dot products of four bytes.
#pragma once
#include "cpu/simd_panels_avx512.hpp"

namespace millrace {
namespace {

struct Avx512VnniPanels : Avx512Panels {
  static constexpr int kTurns = 1;
  static I of_turn(I four, int) { return four; }
  // Bytes of w are without sign, those of x with; no sum of four is cut off.
  static I add_products(I sums, I w, I x) { return _mm512_dpbusd_epi32(sums, w, x); }
  static void store_activations(std::byte* to, const I (&q)[2]) {
    for (int v = 0; v < 2; ++v) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(to) + v, _mm512_cvtepi32_epi8(q[v]));
    }
  }
};

}  // namespace
}  // namespace millrace
