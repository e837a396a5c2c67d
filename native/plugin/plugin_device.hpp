#pragma once
#include <memory>
#include <vector>

#include "plugin/plugin.hpp"
#include "runtime/device_group.hpp"

namespace millrace {

// A device that is driven through a plugin's table.
class PluginDevice final : public Device, public GroupingDevice {
 public:
  PluginDevice(const MillraceDeviceTable* table, DeviceInfo info, int card, DType activations, int threads,
               GroupOptions groups, std::shared_ptr<LostCards> lost);
  ~PluginDevice() override;

  [[nodiscard]] DeviceInfo info() const override { return info_; }
  [[nodiscard]] DType activation_dtype() const override { return activations_; }
  [[nodiscard]] bool has_host_memory() const override { return false; }
  [[nodiscard]] int most_logit_rows() const override { return 256; }
  std::int64_t prepare(const WorkLimits& limits) override;
  [[nodiscard]] bool repeats() const override { return true; }
  void repeat(std::uint64_t key, const std::function<void()>& record) override;

  [[nodiscard]] std::unique_ptr<Buffer> allocate(std::int64_t bytes) override;
  // All of it pinned, and so taken from the system at once.
  [[nodiscard]] std::unique_ptr<Buffer> allocate_host(std::int64_t bytes) override;
  void populate(void* /*memory*/, std::int64_t /*bytes*/) override {}
  [[nodiscard]] std::unique_ptr<Weight> upload(std::span<const WeightView> views,
                                               Quantization quantization) override;
  void copy_to_device(void* to, const void* from, std::int64_t bytes) override;
  void copy_to_host(void* to, const void* from, std::int64_t bytes) override;
  bool try_copy_from(Device& source, void* to, const void* from, std::int64_t bytes) override;

  std::unique_ptr<DeviceGroup> try_group(std::span<Device* const> members, std::string& reason) override;

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
  void synchronize() override;

 private:
  // The open device; buffers and weights keep it open.
  struct Handle;
  class PluginBuffer;
  class PluginWeight;
  class PluginGroup;

  // Calls a function of the table with this device and an error; throws what the error says.
  template <typename Function, typename... Args>
  void call(Function function, Args... args);
  [[noreturn]] void fail(const MillraceError& error);
  [[noreturn]] void fail_to_allocate(const MillraceError& error, std::int64_t bytes);
  [[nodiscard]] const MillraceWeight* handle_of(const Weight* weight) const;

  const MillraceDeviceTable* const table_;
  const DeviceInfo info_;
  const int card_;
  const DType activations_;
  const GroupOptions groups_;
  const std::shared_ptr<LostCards> lost_;
  std::shared_ptr<Handle> handle_;
  // Of sample(), until synchronize().
  std::vector<MillraceSampleRow> sample_rows_;
  std::vector<MillraceSampleResult> sample_results_;
  std::span<SampleResult> waiting_;
};

}  // namespace millrace
