#pragma once
#include <memory>
#include <string>
#include <vector>

#include "cpu/cpu_memory.hpp"
#include "cpu/cpu_ops.hpp"
#include "cpu/isa.hpp"
#include "cpu/kernels.hpp"
#include "cpu/thread_pool.hpp"
#include "runtime/device.hpp"

namespace millrace {

// A processor as a Device: activations in F32, every operation done when its function returns. Sums have a
// fixed order: with one instruction set, a row's result has the same bits alone and in any batch, a prompt's
// in one piece and in chunks, on any number of threads.
//
// Token ids, positions and block tables are used as they are: the runtime has checked them.
class CpuDevice final : public Device {
 public:
  // Device cpu:`index`. `pool` may be shared with other devices; their operations take turns.
  // Throws ERR_UNSUPPORTED_ISA when this processor or build lacks the instruction set.
  // `deterministic`: what the class comment says holds on every processor; without, not where tiles are used.
  CpuDevice(int index, std::shared_ptr<ThreadPool> pool, Isa isa, std::shared_ptr<MemoryBudget> budget,
            bool deterministic = false);

  [[nodiscard]] DeviceInfo info() const override;
  [[nodiscard]] std::unique_ptr<Buffer> allocate(std::int64_t bytes) override;
  [[nodiscard]] std::unique_ptr<Buffer> allocate_host(std::int64_t bytes) override;
  void populate(void* memory, std::int64_t bytes) override;
  [[nodiscard]] std::unique_ptr<Weight> upload(std::span<const WeightView> views,
                                               Quantization quantization) override;
  void copy_to_device(void* to, const void* from, std::int64_t bytes) override;
  void copy_to_host(void* to, const void* from, std::int64_t bytes) override;

  void embed(const Batch& batch, const Weight& table, Tensor out) override;
  void norm(const NormArgs& args) override;
  void matmul(const MatmulArgs& args) override;
  void rope_store(const Batch& batch, const RopeStoreArgs& args) override;
  void attention(const Batch& batch, const AttentionArgs& args) override;
  void gather_rows(Tensor x, const std::int32_t* indices, Tensor out) override;
  void add(Tensor x, Tensor delta) override;
  void copy_blocks(const KvLayer& kv, std::span<const BlockCopy> copies) override;
  void copy_out(const KvLayer& kv, HostLayer host, std::span<const BlockCopy> copies) override;
  void copy_in(const KvLayer& kv, HostLayer host, std::span<const BlockCopy> copies) override;
  void sample(Tensor logits, std::span<const SampleRow> rows, std::span<SampleResult> results) override;
  void log_probs(Tensor logits, std::span<const std::int32_t> targets, int top, float* logprobs,
                 std::int32_t* top_ids, float* top_logprobs, int top_stride) override;
  void synchronize() override {}

 private:
  // Rows of a tensor, on the pool when there is enough to do.
  void for_rows(const Tensor& tensor, FunctionRef<void(std::int64_t row, int worker)> fn);

  const std::string name_;
  const Isa isa_;
  const Kernels& kernels_;
  const std::shared_ptr<ThreadPool> pool_;
  const std::shared_ptr<MemoryBudget> budget_;
  WeightMemory weight_memory_;
  PreparedActivations activations_;
  Scratch worker_scratch_, shared_scratch_;
  AttentionWork attention_;
  RopeTable rope_;
  CpuContext context_;
  std::vector<SampleScratch> sample_scratch_;  // one per worker
};

}  // namespace millrace
