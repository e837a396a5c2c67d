#include "device/card_weight.hpp"
#include "kernels/matmul.hpp"
#include "platform/block.hpp"

namespace millrace::gpu {
namespace {

constexpr unsigned kThreads = 256;

template <typename T>
struct EmbedParams {
  CardMatrix table;
  int first_row;  // of the table; ids outside belong to another of its matrices
  const std::int32_t* token_ids;
  T* out;
  std::int64_t out_stride;
};

template <typename T>
__global__ void __launch_bounds__(kThreads) embed_tokens(EmbedParams<T> p) {
  const std::int64_t token = blockIdx.x;
  let_next_kernel_start();
  wait_for_previous_kernel();
  const int row = p.token_ids[token] - p.first_row;
  if (row < 0 || row >= p.table.rows) return;
  for (int k = static_cast<int>(threadIdx.x); k < p.table.cols; k += static_cast<int>(blockDim.x))
    p.out[token * p.out_stride + k] = from_float<T>(value_of(p.table, row, k));
}

}  // namespace

template <typename T>
void launch_embed(Stream& stream, const CardWeight& table, const std::int32_t* token_ids, T* out,
                  std::int64_t out_stride, int tokens) {
  if (tokens == 0) return;
  for (const CardWeight::Segment& segment : table.segments()) {
    const EmbedParams<T> params = {segment.matrix, segment.first_row, token_ids, out, out_stride};
    launch_early(stream, embed_tokens<T>, {static_cast<unsigned>(tokens)}, kThreads, 0, params);
  }
}

template void launch_embed<float>(Stream&, const CardWeight&, const std::int32_t*, float*, std::int64_t, int);
template void launch_embed<bf16>(Stream&, const CardWeight&, const std::int32_t*, bf16*, std::int64_t, int);
template void launch_embed<f16>(Stream&, const CardWeight&, const std::int32_t*, f16*, std::int64_t, int);

}  // namespace millrace::gpu
