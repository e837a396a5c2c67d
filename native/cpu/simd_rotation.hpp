// Rotary position embedding of one head, for one vector type S.
#pragma once
#include <immintrin.h>

#include <cstdint>

namespace millrace {
namespace {

template <class S>
void rotate_halves(const float* cosines, const float* sines, int rotary_dim, float* head) {
  const int pairs = rotary_dim / 2;
  for (int i = 0; i < pairs; i += S::kLanes) {
    const int n = pairs - i;
    const auto load = [n](const float* p) { return n >= S::kLanes ? S::load(p) : S::load_part(p, n); };
    const auto store = [n](float* p, typename S::F x) {
      n >= S::kLanes ? S::store(p, x) : S::store_part(p, x, n);
    };
    const auto a = load(head + i), b = load(head + pairs + i), c = load(cosines + i), s = load(sines + i);
    store(head + i, S::sub(S::mul(a, c), S::mul(b, s)));
    store(head + pairs + i, S::add(S::mul(b, c), S::mul(a, s)));
  }
}

template <class S>
void rotate_pairs(const float* cosines, const float* sines, int rotary_dim, float* head) {
  for (int i = 0; i < rotary_dim; i += S::kLanes) {
    const int n = rotary_dim - i;
    const auto load = [n](const float* p) { return n >= S::kLanes ? S::load(p) : S::load_part(p, n); };
    const auto x = load(head + i);
    const auto turned = S::add(S::mul(x, load(cosines + i)), S::mul(S::swap_pairs(x), load(sines + i)));
    n >= S::kLanes ? S::store(head + i, turned) : S::store_part(head + i, turned, n);
  }
}

}  // namespace
}  // namespace millrace
