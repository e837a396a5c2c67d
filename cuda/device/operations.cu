// The operations of a card, each one launch or a few.
#include <algorithm>
#include <unordered_set>

#include "device/card_device.hpp"
#include "kernels/attention.hpp"
#include "kernels/copy_blocks.hpp"
#include "kernels/matmul.hpp"
#include "kernels/norm.hpp"
#include "kernels/rope_store.hpp"
#include "kernels/rows.hpp"

namespace millrace::gpu {
namespace {

constexpr int kMostBlockCopies = 4096;  // in one launch

Batch batch_of(const MillraceBatch& batch) {
  return {batch.num_rows,         batch.num_tokens,         batch.max_blocks,   batch.block_tokens,
          batch.max_query_tokens, batch.max_context_tokens, batch.token_ids,    batch.positions,
          batch.token_rows,       batch.query_starts,       batch.context_lens, batch.block_tables};
}

KvLayer layer_of(const MillraceKvLayer& kv) {
  return {kv.keys,         kv.values,  static_cast<DType>(kv.dtype), kv.num_blocks, kv.num_kv_heads,
          kv.block_tokens, kv.head_dim};
}

const CardWeight* weight_of(const MillraceWeight* weight) {
  return reinterpret_cast<const CardWeight*>(weight);
}

const float* vector_of(const MillraceWeight* weight) {
  return weight == nullptr ? nullptr : weight_of(weight)->vector();
}

template <typename T>
T* data_of(const MillraceTensor& tensor) {
  return static_cast<T*>(tensor.data);
}

}  // namespace

template <typename Fn>
void CardDevice::with_type(const Fn& fn) const {
  switch (activations_) {
    case DType::kF16:
      return fn(f16{});
    case DType::kBF16:
      return fn(bf16{});
    default:
      return fn(float{});
  }
}

std::int64_t CardDevice::prepare(const MillraceWorkLimits& limits) {
  std::int64_t bytes =
      limits.vocab_size == 0 ? 0 : LogitReader::workspace_bytes(limits.max_logit_rows, limits.vocab_size);
  const int rows = std::max(limits.max_tokens, limits.max_logit_rows);
  for (const CardWeight* weight : weights_) {
    for (const bool gated : {false, true}) {
      bytes = std::max(bytes, matmul_workspace_bytes(rows, *weight, gated, info_.multiprocessors, &library_));
    }
  }
  workspace_ = CardMemory(bytes);
  const std::int64_t attention_bytes = attention_workspace_bytes(
      limits.max_rows, limits.num_heads, limits.num_kv_heads, limits.head_dim, info_.multiprocessors);
  attention_workspace_ = CardMemory(attention_bytes);
  if (attention_bytes > 0) stream_.fill(attention_workspace_.data(), 0, attention_bytes);
  block_copies_ = CardMemory(kMostBlockCopies * static_cast<std::int64_t>(sizeof(BlockCopy)));
  bytes += attention_bytes + block_copies_.bytes();
  if (limits.vocab_size > 0)
    bytes += logits_.reserve(limits.max_logit_rows, limits.vocab_size, limits.max_logprobs);
  return bytes;
}

void CardDevice::embed(const MillraceBatch& batch, const CardWeight& table, const MillraceTensor& out) {
  with_type([&]<typename T>(T) {
    launch_embed<T>(stream_, table, batch.token_ids, data_of<T>(out), out.stride, out.rows);
  });
}

void CardDevice::norm(const MillraceNorm& args) {
  with_type([&]<typename T>(T) {
    NormParams<T> params{};
    params.x = data_of<T>(args.x);
    params.x_stride = args.x.stride;
    if (args.delta != nullptr) {
      params.delta = data_of<T>(*args.delta);
      params.delta_stride = args.delta->stride;
    }
    params.weight = vector_of(args.weight);
    params.out = data_of<T>(args.out);
    params.out_stride = args.out.stride;
    params.rows = args.x.rows;
    params.cols = args.x.cols;
    params.epsilon = args.epsilon;
    launch_norm<T>(stream_, params);
  });
}

void CardDevice::matmul(const MillraceMatmul& args) {
  with_type([&]<typename T>(T) {
    MatmulParams<T> params{};
    params.x = data_of<T>(args.x);
    params.x_stride = args.x.stride;
    params.weight = weight_of(args.weight);
    params.bias = vector_of(args.bias);
    if (args.bias != nullptr)
      params.narrow_bias = static_cast<const T*>(weight_of(args.bias)->narrow_vector());
    params.library = &library_;
    params.y = args.y.data;
    params.y_stride = args.y.stride;
    params.rows = args.x.rows;
    params.y_is_float = args.y_is_f32 != 0;
    if (args.activation >= 0) params.activation = static_cast<Activation>(args.activation);
    params.multiprocessors = info_.multiprocessors;
    params.workspace = workspace_.data();
    launch_matmul<T>(stream_, params);
  });
}

void CardDevice::rope_store(const MillraceBatch& batch, const MillraceRopeStore& args) {
  swaps_.settle(layer_of(args.kv));
  with_type([&]<typename T>(T) {
    RopeStoreParams<T> params{};
    params.batch = batch_of(batch);
    params.qkv = data_of<T>(args.qkv);
    params.stride = args.qkv.stride;
    params.num_heads = args.num_heads;
    params.q_norm = vector_of(args.q_norm);
    params.k_norm = vector_of(args.k_norm);
    params.norm_epsilon = args.norm_epsilon;
    params.form = static_cast<RopeForm>(args.form);
    params.inverse_frequencies = args.inverse_frequencies;
    params.rotary_dim = args.rotary_dim;
    params.magnitude = args.magnitude;
    params.kv = layer_of(args.kv);
    launch_rope_store<T>(stream_, params);
  });
}

void CardDevice::attention(const MillraceBatch& batch, const MillraceAttention& args) {
  with_type([&]<typename T>(T) {
    AttentionParams<T> params{};
    params.batch = batch_of(batch);
    params.q = data_of<T>(args.q);
    params.q_stride = args.q.stride;
    params.kv = layer_of(args.kv);
    params.num_heads = args.num_heads;
    params.scale = args.scale;
    params.sliding_window = args.sliding_window;
    params.out = data_of<T>(args.out);
    params.out_stride = args.out.stride;
    params.max_query_tokens = batch.max_query_tokens;
    params.multiprocessors = info_.multiprocessors;
    params.workspace = attention_workspace_.data();
    launch_attention<T>(stream_, params);
  });
}

void CardDevice::gather_rows(const MillraceTensor& x, const std::int32_t* indices,
                             const MillraceTensor& out) {
  with_type([&]<typename T>(T) {
    launch_gather_rows<T>(stream_, data_of<T>(x), x.stride, indices, data_of<T>(out), out.stride, out.rows,
                          out.cols);
  });
}

void CardDevice::add(const MillraceTensor& x, const MillraceTensor& delta) {
  with_type([&]<typename T>(T) {
    launch_add<T>(stream_, data_of<T>(x), x.stride, data_of<T>(delta), delta.stride, x.rows, x.cols);
  });
}

void CardDevice::copy_blocks(const MillraceKvLayer& kv, std::span<const BlockCopy> copies) {
  swaps_.settle(layer_of(kv));
  for (std::size_t done = 0; done < copies.size();) {
    // As many as do not touch what another of them writes.
    std::unordered_set<std::int32_t> read, written;
    std::size_t count = 0;
    for (; done + count < copies.size() && count < kMostBlockCopies; ++count) {
      const BlockCopy& copy = copies[done + count];
      if (written.contains(copy.from) || written.contains(copy.to) || read.contains(copy.to)) break;
      read.insert(copy.from);
      written.insert(copy.to);
    }
    auto* on_card = static_cast<BlockCopy*>(block_copies_.data());
    copies_.to_device(on_card, copies.data() + done,
                      static_cast<std::int64_t>(count) * static_cast<std::int64_t>(sizeof(BlockCopy)));
    launch_copy_blocks(stream_, layer_of(kv), on_card, static_cast<int>(count));
    done += count;
  }
}

void CardDevice::copy_out(const MillraceKvLayer& kv, MillraceHostLayer host,
                          std::span<const BlockCopy> copies) {
  swaps_.copy_out(layer_of(kv), {static_cast<std::byte*>(host.data), host.stride}, copies);
}

void CardDevice::copy_in(const MillraceKvLayer& kv, MillraceHostLayer host,
                         std::span<const BlockCopy> copies) {
  swaps_.copy_in(layer_of(kv), {static_cast<std::byte*>(host.data), host.stride}, copies);
}

void CardDevice::sample(const MillraceTensor& logits, const MillraceSampleRow* rows,
                        MillraceSampleResult* results) {
  logits_.sample(logits, rows, results, workspace_.data());
}

void CardDevice::log_probs(const MillraceLogProbs& args) {
  logits_.log_probs(args, workspace_.data());
}

}  // namespace millrace::gpu
