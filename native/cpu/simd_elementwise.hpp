// Everything but products and attention, for one vector type S (Avx2, Avx512).
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "cpu/kernels.hpp"
#include "cpu/simd_rows.hpp"

namespace millrace {
namespace {

// exp(x) within 2 units in the last place for x in [-87, 88]; 0 below, exp(88) above; NaN stays.
// 2^n exp(r) with n = round(x / ln 2), ln 2 in two parts, and the series of exp(r) up to r^7.
template <class S>
typename S::F exp(typename S::F x) {
  using F = typename S::F;
  const F low = S::set(-87.0F);
  const F clamped = S::max(low, S::min(S::set(88.0F), x));
  const F n = S::round(S::mul(clamped, S::set(1.44269504F)));
  const F r = S::fma(n, S::set(2.12194440e-4F), S::fma(n, S::set(-0.693359375F), clamped));
  F p = S::set(1.0F / 5040);
  p = S::fma(p, r, S::set(1.0F / 720));
  p = S::fma(p, r, S::set(1.0F / 120));
  p = S::fma(p, r, S::set(1.0F / 24));
  p = S::fma(p, r, S::set(1.0F / 6));
  p = S::fma(p, r, S::set(0.5F));
  p = S::fma(S::mul(p, r), r, S::add(r, S::set(1)));
  return S::zero_where_less(x, low, S::mul(p, S::power_of_two(n)));
}

// Calls body(i, n) for runs of n <= lanes elements; the loops below keep whole vectors apart from the tail by
// comparing n with the lanes.
template <class S, class Body>
void for_vectors(std::int64_t count, Body body) {
  std::int64_t i = 0;
  for (; i + S::kLanes <= count; i += S::kLanes) {
    body([i](const float* p) { return S::load(p + i); },
         [i](float* p, typename S::F x) { S::store(p + i, x); });
  }
  const std::int64_t n = count - i;
  if (n > 0) {
    body([i, n](const float* p) { return S::load_part(p + i, n); },
         [i, n](float* p, typename S::F x) { S::store_part(p + i, x, n); });
  }
}

template <class S, class Row>
void widen(const std::byte* from, float* to, std::int64_t count) {
  std::int64_t i = 0;
  for (; i + 32 <= count; i += 32) {
    const auto step = Row::step(from, i);
    for (int part = 0; part < 32; part += S::kLanes) S::store(to + i + part, Row::load(from, i + part, step));
  }
  for (; i < count; i += S::kLanes) {
    const std::int64_t n = count - i < S::kLanes ? count - i : S::kLanes;
    S::store_part(to + i, Row::load_part(from, i, n), n);
  }
}

inline void narrow_f32(const float* from, std::byte* to, std::int64_t count) {
  std::memcpy(to, from, static_cast<std::size_t>(count) * 4);
}

template <class S, class Convert>
void narrow(const float* from, std::byte* to, std::int64_t count, Convert convert) {
  std::int64_t i = 0;
  for (; i + S::kLanes <= count; i += S::kLanes) S::store_half(to + i * 2, convert(S::load(from + i)));
  if (i < count) S::store_half_part(to + i * 2, convert(S::load_part(from + i, count - i)), count - i);
}

template <class S>
void narrow_f16(const float* from, std::byte* to, std::int64_t count) {
  narrow<S>(from, to, count, [](typename S::F x) { return S::to_f16(x); });
}

template <class S>
void narrow_bf16(const float* from, std::byte* to, std::int64_t count) {
  narrow<S>(from, to, count, [](typename S::F x) { return S::to_bf16(x); });
}

template <class S>
void rms_norm(float* x, const float* delta, const float* weight, float epsilon, std::int64_t count,
              float* out) {
  using F = typename S::F;
  F squares = S::zero();
  for_vectors<S>(count, [&](auto load, auto store) {
    F value = load(x);
    if (delta != nullptr) {
      value = S::add(value, load(delta));
      store(x, value);
    }
    squares = S::fma(value, value, squares);
  });
  const float mean = S::sum(squares) / static_cast<float>(count);
  const float root = _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(mean + epsilon)));
  const F scale = S::set(1 / root);
  for_vectors<S>(count,
                 [&](auto load, auto store) { store(out, S::mul(S::mul(load(x), scale), load(weight))); });
}

template <class S>
void silu_mul(const float* gate, const float* up, float* out, std::int64_t count) {
  for_vectors<S>(count, [&](auto load, auto store) {
    const auto g = load(gate);
    const auto sigmoid_inverse = S::add(S::set(1), exp<S>(S::sub(S::zero(), g)));
    store(out, S::mul(S::div(g, sigmoid_inverse), load(up)));
  });
}

// 0.5 (1 + tanh(u)) = 1 / (1 + exp(-2 u)).
template <class S>
void gelu_tanh_mul(const float* gate, const float* up, float* out, std::int64_t count) {
  for_vectors<S>(count, [&](auto load, auto store) {
    const auto g = load(gate);
    const auto cubic = S::fma(S::mul(S::mul(g, g), g), S::set(0.044715F), g);
    const auto e = exp<S>(S::mul(S::set(-2 * 0.7978845608F), cubic));
    store(out, S::mul(S::div(g, S::add(S::set(1), e)), load(up)));
  });
}

template <class S>
void add(float* x, const float* delta, std::int64_t count) {
  for_vectors<S>(count, [&](auto load, auto store) { store(x, S::add(load(x), load(delta))); });
}

template <class S>
constexpr Kernels make_kernels() {
  return {
      .widen = {widen<S, RowF32<S>>, widen<S, RowF16<S>>, widen<S, RowBF16<S>>, widen<S, RowQ8<S>>},
      .narrow = {narrow_f32, narrow_f16<S>, narrow_bf16<S>},
      .rms_norm = rms_norm<S>,
      .gated = {silu_mul<S>, gelu_mul_scalar, gelu_tanh_mul<S>},
      .add = add<S>,
  };
}

}  // namespace
}  // namespace millrace
