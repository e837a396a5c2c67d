// The larger operations of the CPU device, one file each. device.hpp says what they compute.
#pragma once
#include <cstdint>
#include <span>

#include "cpu/activations.hpp"
#include "cpu/attention_work.hpp"
#include "cpu/cpu_memory.hpp"
#include "cpu/cpu_weight.hpp"
#include "cpu/kernels.hpp"
#include "cpu/rope_table.hpp"
#include "cpu/thread_pool.hpp"
#include "runtime/device.hpp"

namespace millrace {

// What an operation works with. Scratch slots are workers, and one more for what they share.
struct CpuContext {
  const Kernels& kernels;
  const PanelKernels& panels;
  ThreadPool& pool;
  PreparedActivations& activations;
  Scratch& worker_scratch;
  Scratch& shared_scratch;
  AttentionWork& attention;
  RopeTable& rope;
};

// Below this many multiplications or elements (about 10 us of work) waking other threads costs more than
// it gives.
constexpr std::int64_t kInlineProducts = 1 << 17;
constexpr std::int64_t kInlineElements = 1 << 14;

inline float* row(const Tensor& tensor, std::int64_t index) {
  return static_cast<float*>(tensor.data) + index * tensor.stride;
}

// Runs the tasks on the pool, or on the caller alone when they are `small`.
inline void run_tasks(ThreadPool& pool, bool small, std::int64_t tasks,
                      FunctionRef<void(std::int64_t, int)> fn) {
  if (!small) return pool.run(tasks, fn);
  for (std::int64_t task = 0; task < tasks; ++task) fn(task, 0);
}

void cpu_matmul(CpuContext& context, const MatmulArgs& args);
void cpu_rope_store(CpuContext& context, const Batch& batch, const RopeStoreArgs& args);
void cpu_attention(CpuContext& context, const Batch& batch, const AttentionArgs& args);
void cpu_copy_blocks(const KvLayer& kv, std::span<const BlockCopy> copies);
void cpu_copy_out(ThreadPool& pool, const KvLayer& kv, HostLayer host, std::span<const BlockCopy> copies);
void cpu_copy_in(ThreadPool& pool, const KvLayer& kv, HostLayer host, std::span<const BlockCopy> copies);

}  // namespace millrace
