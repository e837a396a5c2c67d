// The three ways to compute attention. attention.cu chooses.
#pragma once
#include "kernels/attention.hpp"

namespace millrace::gpu {

// Any head, any types: a block for a query of a head, arithmetic in F32.
template <typename T>
void launch_plain_attention(Stream& stream, const AttentionParams<T>& params);

}  // namespace millrace::gpu
