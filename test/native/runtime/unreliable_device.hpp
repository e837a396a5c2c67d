// A device that does what another does, until it is told to fail.
#pragma once
#include <atomic>
#include <memory>
#include <utility>

#include "core/error.hpp"
#include "runtime/device.hpp"

namespace millrace::test {

class UnreliableDevice final : public Device {
 public:
  explicit UnreliableDevice(std::shared_ptr<Device> device) : device_(std::move(device)) {}

  // The next step that begins ends with ERR_TEST_DEVICE.
  void fail_next_norm() { fails_ = true; }
  // Copies to the host fail after so many; below 0, none does.
  void fail_copies_out_after(int count) { copies_left_ = count; }

  [[nodiscard]] DeviceInfo info() const override { return device_->info(); }
  [[nodiscard]] DType activation_dtype() const override { return device_->activation_dtype(); }
  [[nodiscard]] std::unique_ptr<Buffer> allocate(std::int64_t bytes) override {
    return device_->allocate(bytes);
  }
  [[nodiscard]] std::unique_ptr<Buffer> allocate_host(std::int64_t bytes) override {
    return device_->allocate_host(bytes);
  }
  void populate(void* memory, std::int64_t bytes) override { device_->populate(memory, bytes); }
  [[nodiscard]] std::unique_ptr<Weight> upload(std::span<const WeightView> views,
                                               Quantization quantization) override {
    return device_->upload(views, quantization);
  }
  void copy_to_device(void* to, const void* from, std::int64_t bytes) override {
    device_->copy_to_device(to, from, bytes);
  }
  void copy_to_host(void* to, const void* from, std::int64_t bytes) override {
    device_->copy_to_host(to, from, bytes);
  }
  void embed(const Batch& batch, const Weight& table, Tensor out) override {
    device_->embed(batch, table, out);
  }
  void norm(const NormArgs& args) override {
    if (fails_.exchange(false)) throw Error("ERR_TEST_DEVICE", "The device was told to fail.");
    device_->norm(args);
  }
  void matmul(const MatmulArgs& args) override { device_->matmul(args); }
  void rope_store(const Batch& batch, const RopeStoreArgs& args) override {
    device_->rope_store(batch, args);
  }
  void attention(const Batch& batch, const AttentionArgs& args) override { device_->attention(batch, args); }
  void gather_rows(Tensor x, const std::int32_t* indices, Tensor out) override {
    device_->gather_rows(x, indices, out);
  }
  void add(Tensor x, Tensor delta) override { device_->add(x, delta); }
  void copy_blocks(const KvLayer& kv, std::span<const BlockCopy> copies) override {
    device_->copy_blocks(kv, copies);
  }
  void copy_out(const KvLayer& kv, HostLayer host, std::span<const BlockCopy> copies) override {
    if (copies_left_ == 0) throw Error("ERR_TEST_DEVICE", "The device was told to fail.");
    if (copies_left_ > 0) --copies_left_;
    device_->copy_out(kv, host, copies);
  }
  void copy_in(const KvLayer& kv, HostLayer host, std::span<const BlockCopy> copies) override {
    device_->copy_in(kv, host, copies);
  }
  void sample(Tensor logits, std::span<const SampleRow> rows, std::span<SampleResult> results) override {
    device_->sample(logits, rows, results);
  }
  void log_probs(Tensor logits, std::span<const std::int32_t> targets, int top, float* logprobs,
                 std::int32_t* top_ids, float* top_logprobs, int top_stride) override {
    device_->log_probs(logits, targets, top, logprobs, top_ids, top_logprobs, top_stride);
  }
  void synchronize() override { device_->synchronize(); }

 private:
  const std::shared_ptr<Device> device_;
  std::atomic<bool> fails_ = false;
  std::atomic<int> copies_left_ = -1;
};

}  // namespace millrace::test
