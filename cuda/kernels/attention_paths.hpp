// The ways to compute attention. attention.cu chooses.
#pragma once
#include "kernels/attention.hpp"
#include "platform/float_types.hpp"

namespace millrace::gpu {

// Any head, any types: a block for a query of a head, arithmetic in F32.
template <typename T>
void launch_plain_attention(Stream& stream, const AttentionParams<T>& params);

// On tensor cores: T is bf16 or f16 and so is the cache; heads of a width in attention_widths.hpp. Every row
// is computed by one of the two, by its number of tokens. Sequences are cut into parts, whose results lie in
// the workspace until they are merged.

// Counters of parts that are done, first in the workspace, where no launch writes anything else: they are
// zero between launches. With more units of work than counters nothing is cut.
constexpr int kFewCounters = 1 << 16;
struct AttentionWorkspace {
  int* few_counters;
  float* partials;

  explicit AttentionWorkspace(void* memory)
      : few_counters(static_cast<int*>(memory)),
        partials(reinterpret_cast<float*>(few_counters + kFewCounters)) {}
};

// Rows of at most few_tokens() tokens.
template <typename T>
void launch_few_attention(Stream& stream, const AttentionParams<T>& params);

int few_tokens(int group);  // query heads of a KV head
std::int64_t few_partial_bytes(int max_rows, int num_heads, int num_kv_heads, int head_dim,
                               int multiprocessors);

// The other rows.
template <typename T>
void launch_many_attention(Stream& stream, const AttentionParams<T>& params);

std::int64_t many_partial_bytes(int head_dim, int multiprocessors);

}  // namespace millrace::gpu
