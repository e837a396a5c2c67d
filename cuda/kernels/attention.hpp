#pragma once
#include <cstdint>

#include "platform/runtime.hpp"
#include "runtime/device.hpp"

namespace millrace::gpu {

// AttentionArgs (runtime/device.hpp). Rows with context_lens 0 are padding: their output is zero.
template <typename T>
struct AttentionParams {
  Batch batch;
  const T* q;
  std::int64_t q_stride;
  KvLayer kv;
  int num_heads;
  float scale;
  int sliding_window;
  T* out;
  std::int64_t out_stride;
  // What the host knows of the batch, and the launch's shape depends on. In a graph they are bounds.
  int max_query_tokens;    // of one row
  int max_context_tokens;  // of one row
  int multiprocessors;
  void* workspace;  // attention_workspace_bytes()
};

// For partial results of a sequence that is split over blocks.
std::int64_t attention_workspace_bytes(int max_rows, int max_tokens, int num_heads, int head_dim,
                                       int multiprocessors);

template <typename T>
void launch_attention(Stream& stream, const AttentionParams<T>& params);

}  // namespace millrace::gpu
