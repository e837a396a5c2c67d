// The loops over logits for one type V of kLogitLanes floats. Products and sums are rounded apart, never
// fused: the scalar loops round so too, and the bits have to be theirs.
#pragma once
#include <cstdint>

#include "runtime/logit_kernels.hpp"

namespace millrace {
namespace {

// Calls body(i, x) for each vector of logits; past the end stands -infinity.
template <class V, class Body>
void for_logits(const float* logits, std::int64_t count, Body body) {
  std::int64_t i = 0;
  for (; i + kLogitLanes <= count; i += kLogitLanes) body(i, V::load(logits + i));
  if (i < count) {
    float padded[kLogitLanes];
    for (int lane = 0; lane < kLogitLanes; ++lane) {
      padded[lane] = i + lane < count ? logits[i + lane] : -__builtin_inff();
    }
    body(i, V::load(padded));
  }
}

template <class V>
float max_logit(const float* logits, std::int64_t count, bool& bad) {
  V best = V::set(-__builtin_inff());
  std::uint32_t wrong = 0;
  for_logits<V>(logits, count, [&](std::int64_t, V x) {
    best = V::larger(x, best);
    wrong |= x.not_at_most(V::set(__FLT_MAX__));
  });
  if (wrong != 0) bad = true;
  float lanes[kLogitLanes];
  best.store(lanes);
  float largest = lanes[0];
  for (const float lane : lanes) largest = lane > largest ? lane : largest;
  return largest;
}

// exp_nonpositive(), lane by lane.
template <class V>
V exp_of_nonpositive(V x) {
  const V round = V::set(12582912.0F), one = V::set(1.0F);
  x = V::larger(V::set(-88.0F), x);
  const V n = x * V::set(1.44269504F) + round - round;
  const V r = (x - n * V::set(0.693359375F)) - n * V::set(-2.12194440e-4F);
  V p = V::set(1.0F / 5040);
  p = p * r + V::set(1.0F / 720);
  p = p * r + V::set(1.0F / 120);
  p = p * r + V::set(1.0F / 24);
  p = p * r + V::set(1.0F / 6);
  p = p * r + V::set(0.5F);
  p = (p * r * r + r) + one;
  return p * n.power_of_two();
}

template <class V>
float weigh_logits(const float* logits, std::int64_t count, float best, float scale, float above) {
  const V bests = V::set(best), scales = V::set(scale), limits = V::set(above);
  V sums = V::set(0);
  for_logits<V>(logits, count, [&](std::int64_t, V x) {
    sums = sums + exp_of_nonpositive((x - bests) * scales).where_above(x, limits);
  });
  float lanes[kLogitLanes];
  sums.store(lanes);
  float total = 0;
  for (const float lane : lanes) total += lane;
  return total;
}

template <class V>
std::int64_t collect_logits(const float* logits, std::int64_t count, float least, std::int32_t offset,
                            std::int32_t* ids) {
  std::int64_t found = 0;
  for_logits<V>(logits, count, [&](std::int64_t i, V x) {
    for (std::uint32_t left = x.at_least(V::set(least)); left != 0; left &= left - 1) {
      const std::int64_t at = i + __builtin_ctz(left);
      if (at < count) ids[found++] = offset + static_cast<std::int32_t>(at);
    }
  });
  return found;
}

// `least` is above -infinity, so that what stands past the end does not count.
template <class V>
std::int64_t count_logits(const float* logits, std::int64_t count, float least) {
  std::int64_t found = 0;
  for_logits<V>(logits, count,
                [&](std::int64_t, V x) { found += __builtin_popcount(x.at_least(V::set(least))); });
  return found;
}

template <class V>
constexpr LogitKernels make_logit_kernels() {
  return {
      .max = max_logit<V>, .weigh = weigh_logits<V>, .collect = collect_logits<V>, .count = count_logits<V>};
}

}  // namespace
}  // namespace millrace
