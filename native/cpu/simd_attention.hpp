// Attention in F32 for one vector type S. A score is a sum over the head's elements in order, a weighted
// value one over the positions in order, each a chain of fused multiply-adds: `few` and `many` differ in what
// stands in the lanes and in nothing that rounds.
#pragma once
#include "cpu/simd_attention_few.hpp"
#include "cpu/simd_attention_many.hpp"
#include "cpu/simd_rotation.hpp"

namespace millrace {
namespace {

template <class S, class Cache>
constexpr AttentionPath few_path() {
  return {load_few<S>, attend_few<S, Cache>, merge_few<S>, store_few<S>};
}

template <class S, class Cache>
constexpr AttentionPath many_path() {
  return {load_many<S>, attend_many<S, Cache>, merge_many<S>, store_many<S>};
}

template <class S>
constexpr AttentionKernels make_attention() {
  return {
      .few = {few_path<S, CacheF32<S>>(), few_path<S, CacheF16<S>>(), few_path<S, CacheBF16<S>>()},
      .many = {many_path<S, CacheF32<S>>(), many_path<S, CacheF16<S>>(), many_path<S, CacheBF16<S>>()},
      .unit_queries = S::kUnitQueries,
      .rotate = {rotate_halves<S>, rotate_pairs<S>},
  };
}

}  // namespace
}  // namespace millrace
