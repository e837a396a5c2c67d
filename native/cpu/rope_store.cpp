#include <cmath>

#include "cpu/cpu_ops.hpp"

namespace millrace {
namespace {

// cos and sin of a token's angles, times the magnitude: (rotary_dim / 2,) each. The angle is rounded to F32
// as in the models' reference implementations, which matters at large positions.
void fill_angles(const RopeStoreArgs& args, std::int32_t position, float* cosines, float* sines) {
  for (int i = 0; i < args.rotary_dim / 2; ++i) {
    const float angle = static_cast<float>(position) * args.inverse_frequencies[i];
    cosines[i] = std::cos(angle) * args.magnitude;
    sines[i] = std::sin(angle) * args.magnitude;
  }
}

// Rotary embedding: Su et al. 2021, arXiv:2104.09864, equation 34; the form says which elements are a pair.
void rotate(RopeForm form, int pairs, const float* cosines, const float* sines, float* head) {
  const int step = form == RopeForm::kHalves ? 1 : 2;
  const int other = form == RopeForm::kHalves ? pairs : 1;
  for (int i = 0; i < pairs; ++i) {
    const float a = head[i * step], b = head[i * step + other];
    head[i * step] = a * cosines[i] - b * sines[i];
    head[i * step + other] = b * cosines[i] + a * sines[i];
  }
}

const float* vector_of(const Weight* weight) {
  return weight == nullptr ? nullptr : static_cast<const CpuWeight*>(weight)->vector();
}

}  // namespace

void cpu_rope_store(CpuContext& context, const Batch& batch, const RopeStoreArgs& args) {
  const KvLayer& kv = args.kv;
  const int dim = kv.head_dim, pairs = args.rotary_dim / 2;
  const float *q_norm = vector_of(args.q_norm), *k_norm = vector_of(args.k_norm);
  const auto narrow = context.kernels.narrow[static_cast<int>(kv.dtype)];
  const std::int64_t head_bytes = storage_bytes(kv.dtype, dim);
  const bool small = static_cast<std::int64_t>(batch.num_tokens) * args.qkv.cols < kInlineElements;
  run_tasks(context.pool, small, batch.num_tokens, [&](std::int64_t token, int worker) {
    float* cosines = context.worker_scratch.floats(worker, args.rotary_dim + 2);
    float* sines = cosines + pairs;
    fill_angles(args, batch.positions[token], cosines, sines);
    float* heads = row(args.qkv, token);
    for (int h = 0; h < args.num_heads + kv.num_kv_heads; ++h) {
      float* head = heads + static_cast<std::int64_t>(h) * dim;
      const float* weight = h < args.num_heads ? q_norm : k_norm;
      if (weight != nullptr) {
        context.kernels.rms_norm(head, nullptr, weight, args.norm_epsilon, dim, head);
      }
      rotate(args.form, pairs, cosines, sines, head);
    }
    const std::int32_t position = batch.positions[token];
    const std::int64_t block =
        batch.block_tables[static_cast<std::int64_t>(batch.token_rows[token]) * batch.max_blocks +
                           position / kv.block_tokens];
    for (int h = 0; h < kv.num_kv_heads; ++h) {
      const std::int64_t slot = (block * kv.num_kv_heads + h) * kv.block_tokens + position % kv.block_tokens;
      const float* key = heads + static_cast<std::int64_t>(args.num_heads + h) * dim;
      narrow(key, static_cast<std::byte*>(kv.keys) + slot * head_bytes, dim);
      narrow(key + static_cast<std::int64_t>(kv.num_kv_heads) * dim,
             static_cast<std::byte*>(kv.values) + slot * head_bytes, dim);
    }
  });
}

}  // namespace millrace
