#include "cpu/cpu_device.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "cpu/logits.hpp"

namespace millrace {
namespace {

std::string describe(Isa isa, const ThreadPool& pool) {
  return std::string(isa_name(isa)) + " kernels, up to " + std::to_string(pool.threads()) +
         (pool.threads() == 1 ? " thread" : " threads");
}

}  // namespace

CpuDevice::CpuDevice(int index, std::shared_ptr<ThreadPool> pool, Isa isa,
                     std::shared_ptr<MemoryBudget> budget, bool deterministic)
    : name_("cpu:" + std::to_string(index)),
      isa_(isa),
      kernels_(kernels_for(isa)),
      pool_(std::move(pool)),
      budget_(std::move(budget)),
      weight_memory_(name_, budget_),
      activations_(kernels_, *pool_),
      worker_scratch_(pool_->threads()),
      shared_scratch_(1),
      attention_(attention_for(isa)),
      context_{kernels_,        panels_for(isa, deterministic),
               *pool_,          activations_,
               worker_scratch_, shared_scratch_,
               attention_,      rope_},
      sample_scratch_(static_cast<std::size_t>(pool_->threads()), {.kernels = &logit_kernels_for(isa)}) {}

DeviceInfo CpuDevice::info() const {
  return {name_, describe(isa_, *pool_), pool_->limit(), budget_->limit_bytes()};
}

std::unique_ptr<Buffer> CpuDevice::allocate(std::int64_t bytes) {
  return allocate_cpu_buffer(bytes, name_, budget_);
}

std::unique_ptr<Buffer> CpuDevice::allocate_host(std::int64_t bytes) {
  return allocate(bytes);
}

void CpuDevice::populate(void* memory, std::int64_t bytes) {
  constexpr std::int64_t kPiece = 2 << 20;
  pool_->run((bytes + kPiece - 1) / kPiece, [&](std::int64_t piece, int) {
    touch_pages(static_cast<std::byte*>(memory) + piece * kPiece, std::min(kPiece, bytes - piece * kPiece));
  });
}

std::unique_ptr<Weight> CpuDevice::upload(std::span<const WeightView> views, Quantization quantization) {
  return std::make_unique<CpuWeight>(views, quantization, isa_, weight_memory_, *pool_);
}

void CpuDevice::copy_to_device(void* to, const void* from, std::int64_t bytes) {
  if (bytes > 0) std::memcpy(to, from, static_cast<std::size_t>(bytes));
}

void CpuDevice::copy_to_host(void* to, const void* from, std::int64_t bytes) {
  copy_to_device(to, from, bytes);
}

void CpuDevice::for_rows(const Tensor& tensor, FunctionRef<void(std::int64_t, int)> fn) {
  const bool small = static_cast<std::int64_t>(tensor.rows) * tensor.cols < kInlineElements;
  run_tasks(*pool_, small, tensor.rows, fn);
}

void CpuDevice::embed(const Batch& batch, const Weight& table, Tensor out) {
  const auto& weight = static_cast<const CpuWeight&>(table);
  for_rows(out, [&](std::int64_t i, int) { weight.read_row(batch.token_ids[i], row(out, i)); });
}

void CpuDevice::norm(const NormArgs& args) {
  const float* weight = static_cast<const CpuWeight*>(args.weight)->vector();
  for_rows(args.x, [&](std::int64_t i, int) {
    const float* delta = args.delta == nullptr ? nullptr : row(*args.delta, i);
    kernels_.rms_norm(row(args.x, i), delta, weight, args.epsilon, args.x.cols, row(args.out, i));
  });
}

void CpuDevice::matmul(const MatmulArgs& args) {
  cpu_matmul(context_, args);
}

void CpuDevice::rope_store(const Batch& batch, const RopeStoreArgs& args) {
  cpu_rope_store(context_, batch, args);
}

void CpuDevice::attention(const Batch& batch, const AttentionArgs& args) {
  cpu_attention(context_, batch, args);
}

void CpuDevice::gather_rows(Tensor x, const std::int32_t* indices, Tensor out) {
  for_rows(out, [&](std::int64_t i, int) {
    std::memcpy(row(out, i), row(x, indices[i]), static_cast<std::size_t>(out.cols) * 4);
  });
}

void CpuDevice::add(Tensor x, Tensor delta) {
  for_rows(x, [&](std::int64_t i, int) { kernels_.add(row(x, i), row(delta, i), x.cols); });
}

void CpuDevice::copy_blocks(const KvLayer& kv, std::span<const BlockCopy> copies) {
  cpu_copy_blocks(kv, copies);
}

void CpuDevice::copy_out(const KvLayer& kv, HostLayer host, std::span<const BlockCopy> copies) {
  cpu_copy_out(*pool_, kv, host, copies);
}

void CpuDevice::copy_in(const KvLayer& kv, HostLayer host, std::span<const BlockCopy> copies) {
  cpu_copy_in(*pool_, kv, host, copies);
}

void CpuDevice::sample(Tensor logits, std::span<const SampleRow> rows, std::span<SampleResult> results) {
  for_rows(logits, [&](std::int64_t i, int worker) {
    const auto at = static_cast<std::size_t>(i);
    sample_row({row(logits, i), static_cast<std::size_t>(logits.cols)}, rows[at],
               sample_scratch_[static_cast<std::size_t>(worker)], results[at]);
  });
}

void CpuDevice::log_probs(Tensor logits, std::span<const std::int32_t> targets, int top, float* logprobs,
                          std::int32_t* top_ids, float* top_logprobs, int top_stride) {
  for_rows(logits, [&](std::int64_t i, int worker) {
    const std::int64_t at = top > 0 ? i * top_stride : 0;
    logprobs[i] = log_probabilities({row(logits, i), static_cast<std::size_t>(logits.cols)},
                                    targets[static_cast<std::size_t>(i)], top, top_ids + at,
                                    top_logprobs + at, sample_scratch_[static_cast<std::size_t>(worker)]);
  });
}

}  // namespace millrace
