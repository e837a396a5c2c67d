#pragma once
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/device.hpp"

namespace millrace {

// Time that a device has spent on one kind of operation.
struct StageTime {
  std::string name;  // "attention", "matmul 4096x1024" (rows and columns of the weight)
  std::int64_t calls = 0;
  double ms = 0;
  // Of products, all calls together; else 0.
  std::int64_t weight_bytes = 0;  // as the device keeps them
  double ops = 0;                 // multiplications and additions
};

// A device that notes how long each operation takes: it waits for every one, so that a device that queues its
// work loses the overlap. Results are those of the device inside.
class TimedDevice final : public Device {
 public:
  explicit TimedDevice(std::shared_ptr<Device> inside) : inside_(std::move(inside)) {}
  // Of all operations since the last call, in order of their first. Any thread may call it.
  [[nodiscard]] std::vector<StageTime> take_times();

  [[nodiscard]] DeviceInfo info() const override { return inside_->info(); }
  [[nodiscard]] DType activation_dtype() const override { return inside_->activation_dtype(); }
  [[nodiscard]] bool has_host_memory() const override { return inside_->has_host_memory(); }
  [[nodiscard]] int most_logit_rows() const override { return inside_->most_logit_rows(); }
  std::int64_t prepare(const WorkLimits& limits) override { return inside_->prepare(limits); }
  [[nodiscard]] std::unique_ptr<Buffer> allocate(std::int64_t bytes) override;
  [[nodiscard]] std::unique_ptr<Buffer> allocate_host(std::int64_t bytes) override;
  void populate(void* memory, std::int64_t bytes) override { inside_->populate(memory, bytes); }
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
  void synchronize() override { inside_->synchronize(); }

 private:
  struct Entry {
    const char* kind;
    std::int64_t rows = 0, cols = 0;  // of a product's weight
    StageTime time;
  };

  template <typename Operation>
  void timed(const char* kind, Operation operation, const MatmulArgs* product = nullptr);
  Entry& entry(const char* kind, std::int64_t rows, std::int64_t cols);

  const std::shared_ptr<Device> inside_;
  std::mutex mutex_;
  std::vector<Entry> entries_;
};

}  // namespace millrace
