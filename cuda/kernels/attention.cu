#include "kernels/attention.hpp"

#include <algorithm>

#include "kernels/attention_paths.hpp"
#include "kernels/attention_widths.hpp"

namespace millrace::gpu {

std::int64_t attention_workspace_bytes(int max_rows, int num_heads, int num_kv_heads, int head_dim,
                                       int multiprocessors) {
  if (!is_tensor_width(head_dim)) return 0;
  const std::int64_t few = few_partial_bytes(max_rows, num_heads, num_kv_heads, head_dim, multiprocessors);
  const std::int64_t many = many_partial_bytes(head_dim, multiprocessors);
  return static_cast<std::int64_t>(sizeof(int)) * kFewCounters + std::max(few, many);
}

template <typename T>
void launch_attention(Stream& stream, const AttentionParams<T>& params) {
  if (params.batch.num_tokens == 0) return;
  if constexpr (sizeof(T) == 2) {
    if (is_tensor_width(params.kv.head_dim)) {
      const int few = few_tokens(params.num_heads / params.kv.num_kv_heads);
      // A prompt alone is the only row that the host knows all about.
      if (params.batch.num_rows > 1 || params.batch.num_tokens <= few) launch_few_attention(stream, params);
      if (params.max_query_tokens > few) launch_many_attention(stream, params);
      return;
    }
  }
  launch_plain_attention(stream, params);
}

template void launch_attention<float>(Stream&, const AttentionParams<float>&);
template void launch_attention<bf16>(Stream&, const AttentionParams<bf16>&);
template void launch_attention<f16>(Stream&, const AttentionParams<f16>&);

}  // namespace millrace::gpu
