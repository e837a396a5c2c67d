#include "kernels/attention.hpp"

#include "kernels/attention_paths.hpp"
#include "platform/float_types.hpp"

namespace millrace::gpu {

std::int64_t attention_workspace_bytes(int, int, int, int, int) {
  return 0;
}

template <typename T>
void launch_attention(Stream& stream, const AttentionParams<T>& params) {
  if (params.batch.num_tokens == 0) return;
  launch_plain_attention(stream, params);
}

template void launch_attention<float>(Stream&, const AttentionParams<float>&);
template void launch_attention<bf16>(Stream&, const AttentionParams<bf16>&);
template void launch_attention<f16>(Stream&, const AttentionParams<f16>&);

}  // namespace millrace::gpu
