// The ways to compute attention. attention.cu chooses.
#pragma once
#include "kernels/attention.hpp"
#include "platform/float_types.hpp"

namespace millrace::gpu {

// Any head, any types: a block for a query of a head, arithmetic in F32.
template <typename T>
void launch_plain_attention(Stream& stream, const AttentionParams<T>& params);

// On tensor cores: T is bf16 or f16 and so is the cache; heads of 64, 80, 96 and 128 elements. Every row is
// computed by one of the two, by its number of tokens.

// Rows of at most few_tokens() tokens.
template <typename T>
void launch_few_attention(Stream& stream, const AttentionParams<T>& params);

int few_tokens(int group);  // query heads of a KV head
std::int64_t few_workspace_bytes(int max_rows, int num_heads, int num_kv_heads, int head_dim,
                                 int multiprocessors);

// The other rows.
template <typename T>
void launch_many_attention(Stream& stream, const AttentionParams<T>& params);

}  // namespace millrace::gpu
