#pragma once
#include <cstdint>

#include "platform/runtime.hpp"
#include "runtime/device.hpp"

namespace millrace::gpu {

// AttentionArgs (runtime/device.hpp). Rows with context_lens 0 are padding: their output is zero. A row's
// tokens are the last of its context. A head is a multiple of 8 elements, at most 512, and so are the
// strides.
//
// A row's result depends on its own tokens and on the batch's num_rows and num_tokens, which say into how
// many parts a sequence is cut; not on what the other rows are.
template <typename T>
struct AttentionParams {
  Batch batch;
  const T* q;
  std::int64_t q_stride;
  KvLayer kv;  // of type T, or BF16 or F16 beside T = float
  int num_heads;
  float scale;
  int sliding_window;
  T* out;
  std::int64_t out_stride;
  // What the host knows of the batch, and the launch's shape depends on. In a graph it is a bound.
  int max_query_tokens;  // of one row
  int multiprocessors;
  // attention_workspace_bytes(), zero before the first launch, and nobody else's between launches.
  void* workspace;
};

// For partial results of sequences that are cut into parts, of at most max_rows rows.
std::int64_t attention_workspace_bytes(int max_rows, int num_heads, int num_kv_heads, int head_dim,
                                       int multiprocessors);

template <typename T>
void launch_attention(Stream& stream, const AttentionParams<T>& params);

}  // namespace millrace::gpu
