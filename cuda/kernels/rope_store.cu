#include "kernels/rope_store.hpp"

#include "kernels/kv_type.hpp"
#include "platform/block.hpp"

namespace millrace::gpu {
namespace {

constexpr int kWarps = 4;
constexpr int kMostHeadDim = 512;
// Tokens from which a warp takes several heads, so that a block's angles serve more of them.
constexpr int kManyTokens = 512;
constexpr int kHeadsOfWarp = 4;

struct Shared {
  float cosines[kMostHeadDim / 2], sines[kMostHeadDim / 2];
  alignas(8) float heads[kWarps][kMostHeadDim];  // one that each warp works on
};

// The angle is rounded to F32 as in the models' reference implementations, and then reduced exactly enough:
// at position 10^6 the first angle has 160,000 turns.
__device__ void fill_angles(const float* inverse_frequencies, int pairs, int position, float magnitude,
                            Shared& shared) {
  constexpr double kHalfTurns = 0.31830988618379067;  // 1 / pi
  for (int i = static_cast<int>(threadIdx.x); i < pairs; i += static_cast<int>(blockDim.x)) {
    const float angle = static_cast<float>(position) * inverse_frequencies[i];
    const double half_turns = static_cast<double>(angle) * kHalfTurns;
    const auto reduced = static_cast<float>(half_turns - 2 * rint(half_turns / 2));
    float sine, cosine;
    sincospif(reduced, &sine, &cosine);
    shared.cosines[i] = cosine * magnitude;
    shared.sines[i] = sine * magnitude;
  }
}

// Element d of a rotated head.
__device__ float rotated(const float* head, int d, int rotary_dim, RopeForm form, const Shared& shared) {
  if (d >= rotary_dim) return head[d];
  const int pairs = rotary_dim / 2;
  const bool halves = form == RopeForm::kHalves;
  const bool is_second = halves ? d >= pairs : d % 2 != 0;
  const int pair = halves ? (is_second ? d - pairs : d) : d / 2;
  const int other = halves ? (is_second ? d - pairs : d + pairs) : d ^ 1;
  const float sine = shared.sines[pair];
  return head[d] * shared.cosines[pair] + head[other] * (is_second ? sine : -sine);
}

// Reads a head, two elements a lane at a time: of whole vectors, lanes would meet in the banks of shared
// memory. Norms it when there is a weight.
template <typename T>
__device__ void read_head(const T* from, int dim, const float* weight, float epsilon, float* head) {
  auto* pairs = reinterpret_cast<Vec<float, 2>*>(head);
  const int lane = static_cast<int>(threadIdx.x) % kWarpLanes;
  float squares = 0;
  for (int i = lane; i < dim / 2; i += kWarpLanes) {
    const Vec<T, 2> elements = reinterpret_cast<const Vec<T, 2>*>(from)[i];
    const Vec<float, 2> pair{{to_float(elements.at[0]), to_float(elements.at[1])}};
    pairs[i] = pair;
    squares = fmaf(pair.at[0], pair.at[0], fmaf(pair.at[1], pair.at[1], squares));
  }
  if (weight == nullptr) return;
  const float scale = rsqrtf(warp_sum(squares) / static_cast<float>(dim) + epsilon);
  for (int i = lane; i < dim / 2; i += kWarpLanes) {
    const Vec<float, 2> weights = reinterpret_cast<const Vec<float, 2>*>(weight)[i];
    const Vec<float, 2> pair = pairs[i];
    pairs[i] = {{pair.at[0] * scale * weights.at[0], pair.at[1] * scale * weights.at[1]}};
  }
}

template <typename U>
__device__ void write_head(const float* head, const Shared& shared, int dim, int rotary_dim, RopeForm form,
                           U* to) {
  for (int i = static_cast<int>(threadIdx.x) % kWarpLanes; i < dim / 2; i += kWarpLanes) {
    Vec<U, 2> elements;
#pragma unroll
    for (int e = 0; e < 2; ++e)
      elements.at[e] = from_float<U>(rotated(head, i * 2 + e, rotary_dim, form, shared));
    reinterpret_cast<Vec<U, 2>*>(to)[i] = elements;
  }
}

// A block for a token and kWarps * heads_of_warp of its heads: those of q, then k's, then v's.
template <typename T, typename Kv>
__global__ void __launch_bounds__(kWarps* kWarpLanes)
    rope_store_heads(RopeStoreParams<T> p, int heads_of_warp) {
  Shared& shared = block_shared<Shared>();
  const auto token = static_cast<int>(blockIdx.x);
  let_next_kernel_start();
  if (token == 0) {
    prefetch_array(p.inverse_frequencies, p.rotary_dim / 2);
    if (p.q_norm != nullptr) prefetch_array(p.q_norm, p.kv.head_dim);
    if (p.k_norm != nullptr) prefetch_array(p.k_norm, p.kv.head_dim);
  }
  wait_for_previous_kernel();
  const int row = p.batch.token_rows[token], position = p.batch.positions[token];
  if (p.batch.context_lens[row] == 0) return;
  const KvLayer& kv = p.kv;
  const int dim = kv.head_dim;
  const std::int64_t kv_block =
      p.batch.block_tables[std::int64_t{row} * p.batch.max_blocks + position / kv.block_tokens];
  fill_angles(p.inverse_frequencies, p.rotary_dim / 2, position, p.magnitude, shared);
  __syncthreads();
  const int warp = static_cast<int>(threadIdx.x) / kWarpLanes;
  float* head = shared.heads[warp];
  const int last = p.num_heads + 2 * kv.num_kv_heads;
  for (int i = 0; i < heads_of_warp; ++i) {
    const int h = (static_cast<int>(blockIdx.y) * heads_of_warp + i) * kWarps + warp;
    const bool is_q = h < p.num_heads, is_k = !is_q && h < p.num_heads + kv.num_kv_heads;
    if (h >= last || (!is_q && kv_block < 0)) break;
    T* from = p.qkv + token * p.stride + std::int64_t{h} * dim;
    read_head(from, dim, is_q ? p.q_norm : is_k ? p.k_norm : nullptr, p.norm_epsilon, head);
    __syncwarp();
    if (is_q) {
      write_head(head, shared, dim, p.rotary_dim, p.form, from);
    } else {
      const int kv_head = (h - p.num_heads) % kv.num_kv_heads;
      const std::int64_t slot =
          (kv_block * kv.num_kv_heads + kv_head) * kv.block_tokens + position % kv.block_tokens;
      auto* storage = static_cast<Kv*>(is_k ? kv.keys : kv.values);
      write_head(head, shared, dim, is_k ? p.rotary_dim : 0, p.form, storage + slot * dim);
    }
    __syncwarp();
  }
}

}  // namespace

template <typename T>
void launch_rope_store(Stream& stream, const RopeStoreParams<T>& params) {
  if (params.batch.num_tokens == 0) return;
  const int heads = params.num_heads + 2 * params.kv.num_kv_heads;
  const int heads_of_warp = params.batch.num_tokens < kManyTokens ? 1 : kHeadsOfWarp;
  const int heads_of_block = heads_of_warp * kWarps;
  const Grid grid{static_cast<unsigned>(params.batch.num_tokens),
                  static_cast<unsigned>((heads + heads_of_block - 1) / heads_of_block)};
  with_kv_type<T>(params.kv.dtype, [&](auto kv) {
    launch_early(stream, rope_store_heads<T, decltype(kv)>, grid, kWarps * kWarpLanes, sizeof(Shared), params,
                 heads_of_warp);
  });
}

template void launch_rope_store<float>(Stream&, const RopeStoreParams<float>&);
template void launch_rope_store<bf16>(Stream&, const RopeStoreParams<bf16>&);
template void launch_rope_store<f16>(Stream&, const RopeStoreParams<f16>&);

}  // namespace millrace::gpu
