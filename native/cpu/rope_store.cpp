#include <cmath>

#include "cpu/cpu_ops.hpp"

namespace millrace {
namespace {

// A row of the table. The angle is rounded to F32 as in the models' reference implementations, which matters
// at large positions. Pairs that are neighbours have each cosine twice, and each sine with both signs.
void fill_angles(const RopeStoreArgs& args, std::int32_t position, float* cosines, float* sines) {
  for (int i = 0; i < args.rotary_dim / 2; ++i) {
    const float angle = static_cast<float>(position) * args.inverse_frequencies[i];
    const float cosine = std::cos(angle) * args.magnitude, sine = std::sin(angle) * args.magnitude;
    if (args.form == RopeForm::kHalves) {
      cosines[i] = cosine;
      sines[i] = sine;
    } else {
      cosines[2 * i] = cosines[2 * i + 1] = cosine;
      sines[2 * i] = -sine;
      sines[2 * i + 1] = sine;
    }
  }
}

const float* vector_of(const Weight* weight) {
  return weight == nullptr ? nullptr : static_cast<const CpuWeight*>(weight)->vector();
}

}  // namespace

void cpu_rope_store(CpuContext& context, const Batch& batch, const RopeStoreArgs& args) {
  const KvLayer& kv = args.kv;
  const int dim = kv.head_dim;
  const float *q_norm = vector_of(args.q_norm), *k_norm = vector_of(args.k_norm);
  const auto narrow = context.kernels.narrow[static_cast<int>(kv.dtype)];
  const std::int64_t head_bytes = storage_bytes(kv.dtype, dim);
  const bool small = static_cast<std::int64_t>(batch.num_tokens) * args.qkv.cols < kInlineElements;
  const auto rotate = context.attention.kernels().rotate[static_cast<int>(args.form)];
  const bool is_known = context.rope.prepare(batch, args);
  run_tasks(context.pool, small, batch.num_tokens, [&](std::int64_t token, int) {
    float* cosines = context.rope.row(token);
    float* sines = cosines + context.rope.sines();
    if (!is_known) fill_angles(args, batch.positions[token], cosines, sines);
    float* heads = row(args.qkv, token);
    for (int h = 0; h < args.num_heads + kv.num_kv_heads; ++h) {
      float* head = heads + static_cast<std::int64_t>(h) * dim;
      const float* weight = h < args.num_heads ? q_norm : k_norm;
      if (weight != nullptr) {
        context.kernels.rms_norm(head, nullptr, weight, args.norm_epsilon, dim, head);
      }
      rotate(cosines, sines, args.rotary_dim, head);
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
