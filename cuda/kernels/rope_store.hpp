#pragma once
#include <cstdint>

#include "platform/runtime.hpp"
#include "runtime/device.hpp"

namespace millrace::gpu {

// RopeStoreArgs (runtime/device.hpp) with the weights as F32 vectors. Rows with context_lens 0 are padding:
// nothing of theirs is stored. Neither is a token whose entry of the block table is -1. q is changed in
// place; k and v go to the cache and are left as they were in qkv, where nobody reads them again. A head is a
// multiple of 8 elements, at most 512, and so is the stride.
template <typename T>
struct RopeStoreParams {
  Batch batch;
  T* qkv;
  std::int64_t stride;
  int num_heads;
  const float* q_norm;  // (head_dim,) or null
  const float* k_norm;
  float norm_epsilon;
  RopeForm form;
  const float* inverse_frequencies;
  int rotary_dim;
  float magnitude;
  KvLayer kv;  // of type T, or BF16 or F16 beside T = float
};

template <typename T>
void launch_rope_store(Stream& stream, const RopeStoreParams<T>& params);

}  // namespace millrace::gpu
