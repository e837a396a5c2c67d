#pragma once
#include <memory>
#include <utility>

#include "runtime/device.hpp"

namespace millrace::test {

// A device that does everything by another one: a base for those that watch a part of it.
class ForwardingDevice : public Device {
 public:
  explicit ForwardingDevice(std::shared_ptr<Device> inside) : inside_(std::move(inside)) {}

  [[nodiscard]] DeviceInfo info() const override { return inside_->info(); }
  [[nodiscard]] DType activation_dtype() const override { return inside_->activation_dtype(); }
  [[nodiscard]] bool has_host_memory() const override { return inside_->has_host_memory(); }
  [[nodiscard]] int most_logit_rows() const override { return inside_->most_logit_rows(); }
  std::int64_t prepare(const WorkLimits& limits) override { return inside_->prepare(limits); }
  [[nodiscard]] bool repeats() const override { return inside_->repeats(); }
  void repeat(std::uint64_t key, const std::function<void()>& record) override {
    inside_->repeat(key, record);
  }
  [[nodiscard]] std::unique_ptr<Buffer> allocate(std::int64_t bytes) override {
    return inside_->allocate(bytes);
  }
  [[nodiscard]] std::unique_ptr<Buffer> allocate_host(std::int64_t bytes) override {
    return inside_->allocate_host(bytes);
  }
  void populate(void* memory, std::int64_t bytes) override { inside_->populate(memory, bytes); }
  [[nodiscard]] std::unique_ptr<Weight> upload(std::span<const WeightView> views,
                                               Quantization quantization) override {
    return inside_->upload(views, quantization);
  }
  void copy_to_device(void* to, const void* from, std::int64_t bytes) override {
    inside_->copy_to_device(to, from, bytes);
  }
  void copy_to_host(void* to, const void* from, std::int64_t bytes) override {
    inside_->copy_to_host(to, from, bytes);
  }
  bool try_copy_from(Device& source, void* to, const void* from, std::int64_t bytes) override {
    auto* forwarding = dynamic_cast<ForwardingDevice*>(&source);
    return inside_->try_copy_from(forwarding == nullptr ? source : *forwarding->inside_, to, from, bytes);
  }
  void embed(const Batch& batch, const Weight& table, Tensor out) override {
    inside_->embed(batch, table, out);
  }
  void norm(const NormArgs& args) override { inside_->norm(args); }
  void matmul(const MatmulArgs& args) override { inside_->matmul(args); }
  void rope_store(const Batch& batch, const RopeStoreArgs& args) override {
    inside_->rope_store(batch, args);
  }
  void attention(const Batch& batch, const AttentionArgs& args) override { inside_->attention(batch, args); }
  void gather_rows(Tensor x, const std::int32_t* indices, Tensor out) override {
    inside_->gather_rows(x, indices, out);
  }
  void add(Tensor x, Tensor delta) override { inside_->add(x, delta); }
  void copy_blocks(const KvLayer& kv, std::span<const BlockCopy> copies) override {
    inside_->copy_blocks(kv, copies);
  }
  void copy_out(const KvLayer& kv, HostLayer host, std::span<const BlockCopy> copies) override {
    inside_->copy_out(kv, host, copies);
  }
  void copy_in(const KvLayer& kv, HostLayer host, std::span<const BlockCopy> copies) override {
    inside_->copy_in(kv, host, copies);
  }
  void sample(Tensor logits, std::span<const SampleRow> rows, std::span<SampleResult> results) override {
    inside_->sample(logits, rows, results);
  }
  void log_probs(Tensor logits, std::span<const std::int32_t> targets, int top, float* logprobs,
                 std::int32_t* top_ids, float* top_logprobs, int top_stride) override {
    inside_->log_probs(logits, targets, top, logprobs, top_ids, top_logprobs, top_stride);
  }
  void synchronize() override { inside_->synchronize(); }

 protected:
  [[nodiscard]] Device& inside() { return *inside_; }

 private:
  std::shared_ptr<Device> inside_;
};

}  // namespace millrace::test
