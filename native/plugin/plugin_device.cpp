#include "plugin/plugin_device.hpp"

#include <cstddef>
#include <cstdio>
#include <string>
#include <utility>

#include "core/error.hpp"
#include "plugin/sample_row.hpp"

namespace millrace {
namespace {

static_assert(sizeof(BlockCopy) == sizeof(MillraceBlockCopy));

MillraceTensor to_c(const Tensor& tensor) {
  return {tensor.data, tensor.rows, tensor.cols, tensor.stride};
}

MillraceBatch to_c(const Batch& batch) {
  return {batch.num_rows,         batch.num_tokens,         batch.max_blocks,   batch.block_tokens,
          batch.max_query_tokens, batch.max_context_tokens, batch.token_ids,    batch.positions,
          batch.token_rows,       batch.query_starts,       batch.context_lens, batch.block_tables};
}

MillraceKvLayer to_c(const KvLayer& kv) {
  return {kv.keys,         kv.values,  static_cast<int>(kv.dtype), kv.num_blocks, kv.num_kv_heads,
          kv.block_tokens, kv.head_dim};
}

const MillraceBlockCopy* to_c(std::span<const BlockCopy> copies) {
  return reinterpret_cast<const MillraceBlockCopy*>(copies.data());
}

std::string mebibytes(std::int64_t bytes) {
  return std::to_string(bytes >> 20U) + " MiB";
}

}  // namespace

struct PluginDevice::Handle {
  Handle(const MillraceDeviceTable* of, MillraceDevice* opened) : table(of), device(opened) {}
  ~Handle() { table->close(device); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  const MillraceDeviceTable* const table;
  MillraceDevice* const device;
};

class PluginDevice::PluginBuffer final : public Buffer {
 public:
  PluginBuffer(std::shared_ptr<Handle> handle, void* memory, std::int64_t bytes, bool of_host)
      : handle_(std::move(handle)), memory_(memory), bytes_(bytes), of_host_(of_host) {}
  ~PluginBuffer() override {
    (of_host_ ? handle_->table->release_host : handle_->table->release)(handle_->device, memory_);
  }
  PluginBuffer(const PluginBuffer&) = delete;
  PluginBuffer& operator=(const PluginBuffer&) = delete;

  [[nodiscard]] void* data() override { return memory_; }
  [[nodiscard]] std::int64_t bytes() const override { return bytes_; }

 private:
  const std::shared_ptr<Handle> handle_;
  void* const memory_;
  const std::int64_t bytes_;
  const bool of_host_;
};

class PluginDevice::PluginWeight final : public Weight {
 public:
  PluginWeight(std::shared_ptr<Handle> handle, MillraceWeight* weight, std::int64_t rows, std::int64_t cols,
               std::int64_t bytes)
      : Weight(rows, cols), handle_(std::move(handle)), weight_(weight), bytes_(bytes) {}
  ~PluginWeight() override { handle_->table->release_weight(handle_->device, weight_); }
  PluginWeight(const PluginWeight&) = delete;
  PluginWeight& operator=(const PluginWeight&) = delete;

  [[nodiscard]] std::int64_t device_bytes() const override { return bytes_; }
  [[nodiscard]] const MillraceWeight* handle() const { return weight_; }

 private:
  const std::shared_ptr<Handle> handle_;
  MillraceWeight* const weight_;
  const std::int64_t bytes_;
};

// The devices of its members must live longer.
class PluginDevice::PluginGroup final : public DeviceGroup {
 public:
  PluginGroup(std::vector<PluginDevice*> members, MillraceGroup* group)
      : members_(std::move(members)), group_(group) {}
  ~PluginGroup() override { members_.front()->table_->close_group(group_); }
  PluginGroup(const PluginGroup&) = delete;
  PluginGroup& operator=(const PluginGroup&) = delete;

  [[nodiscard]] std::string name() const override {
    char name[64] = "";
    members_.front()->table_->name_group(group_, name, sizeof name);
    return name;
  }
  void all_reduce(int member, Tensor mine) override {
    PluginDevice& device = *members_[static_cast<std::size_t>(member)];
    MillraceError error{};
    if (device.table_->all_reduce(group_, member, to_c(mine), &error) != 0) device.fail(error);
  }

 private:
  const std::vector<PluginDevice*> members_;
  MillraceGroup* const group_;
};

PluginDevice::PluginDevice(const MillraceDeviceTable* table, DeviceInfo info, int card, DType activations,
                           int threads, GroupOptions groups, std::shared_ptr<LostCards> lost)
    : table_(table),
      info_(std::move(info)),
      card_(card),
      activations_(activations),
      groups_(std::move(groups)),
      lost_(std::move(lost)) {
  const MillraceOpenOptions options{card, static_cast<int>(activations), threads};
  MillraceDevice* device = nullptr;
  MillraceError error{};
  if (table->open(&options, &device, &error) != 0) fail(error);
  handle_ = std::make_shared<Handle>(table, device);
}

PluginDevice::~PluginDevice() = default;

template <typename Function, typename... Args>
void PluginDevice::call(Function function, Args... args) {
  MillraceError error{};
  if (function(handle_->device, args..., &error) != 0) fail(error);
}

void PluginDevice::fail(const MillraceError& error) {
  const std::string code = error.code[0] == 0 ? "ERR_DEVICE_FAILED" : error.code;
  const std::string message = info_.name + ": " + error.message;
  if (code == "ERR_DEVICE_LOST") lost_->add(card_, error.message);
  throw Error(code, message);
}

void PluginDevice::fail_to_allocate(const MillraceError& error, std::int64_t bytes) {
  MillraceCard card{};
  MillraceError ignored{};
  if (std::string(error.code) != "ERR_OUT_OF_MEMORY" || table_->describe_card(card_, &card, &ignored) != 0)
    fail(error);
  const std::string wanted = bytes > 0 ? mebibytes(bytes) + " are wanted" : error.message;
  throw Error("ERR_OUT_OF_MEMORY", info_.name + ": " + wanted + ", and " + mebibytes(card.free_bytes) +
                                       " of " + mebibytes(card.total_bytes) +
                                       " are free. Lower --kv-cache-memory or --max-batch-tokens, take a "
                                       "smaller model, or spread it with --device-map.");
}

const MillraceWeight* PluginDevice::handle_of(const Weight* weight) const {
  return weight == nullptr ? nullptr : static_cast<const PluginWeight*>(weight)->handle();
}

std::int64_t PluginDevice::prepare(const WorkLimits& limits) {
  const MillraceWorkLimits c_limits{limits.max_rows,   limits.max_tokens,   limits.max_logit_rows,
                                    limits.num_heads,  limits.num_kv_heads, limits.head_dim,
                                    limits.vocab_size, limits.max_logprobs};
  std::int64_t bytes = 0;
  MillraceError error{};
  if (table_->prepare(handle_->device, &c_limits, &bytes, &error) != 0) fail_to_allocate(error, bytes);
  return bytes;
}

void PluginDevice::repeat(std::uint64_t key, const std::function<void()>& record) {
  std::int32_t how = MILLRACE_NO_REPEAT;
  call(table_->begin_repeat, key, &how);
  if (how == MILLRACE_REPEATED) return;
  if (how == MILLRACE_NO_REPEAT) return record();
  try {
    record();
    call(table_->end_repeat, 0);
  } catch (const Error& error) {
    MillraceError ignored{};
    table_->end_repeat(handle_->device, 1, &ignored);
    if (error.code() == "ERR_DEVICE_LOST") throw;
    // Recording does nothing but note, so the work is still to be done; what is wrong with the work itself
    // fails again.
    std::fprintf(stderr, "millrace: %s; steps of this shape are queued without a graph.\n", error.what());
    record();
  }
}

std::unique_ptr<Buffer> PluginDevice::allocate(std::int64_t bytes) {
  void* memory = nullptr;
  MillraceError error{};
  if (table_->allocate(handle_->device, bytes, &memory, &error) != 0) fail_to_allocate(error, bytes);
  return std::make_unique<PluginBuffer>(handle_, memory, bytes, false);
}

std::unique_ptr<Buffer> PluginDevice::allocate_host(std::int64_t bytes) {
  void* memory = nullptr;
  MillraceError error{};
  if (table_->allocate_host(handle_->device, bytes, &memory, &error) != 0) {
    throw Error("ERR_OUT_OF_MEMORY", info_.name + ": the system has no " + mebibytes(bytes) +
                                         " of memory to pin for swapped-out sequences (" + error.message +
                                         "). Lower --kv-swap-memory; 0 turns it off.");
  }
  return std::make_unique<PluginBuffer>(handle_, memory, bytes, true);
}

std::unique_ptr<Weight> PluginDevice::upload(std::span<const WeightView> views, Quantization quantization) {
  std::vector<MillraceWeightView> c_views;
  std::int64_t rows = 0;
  for (const WeightView& view : views) {
    c_views.push_back({view.data, static_cast<int>(view.dtype), view.rows, view.cols, view.row_bytes});
    rows += view.rows;
  }
  MillraceWeight* weight = nullptr;
  std::int64_t bytes = 0;
  MillraceError error{};
  const MillraceQuantization c_quantization{static_cast<int>(quantization.kind), quantization.group};
  if (table_->upload(handle_->device, c_views.data(), static_cast<int>(c_views.size()), c_quantization,
                     &weight, &bytes, &error) != 0)
    fail_to_allocate(error, bytes);
  return std::make_unique<PluginWeight>(handle_, weight, rows, views.front().cols, bytes);
}

void PluginDevice::copy_to_device(void* to, const void* from, std::int64_t bytes) {
  call(table_->copy_to_device, to, from, bytes);
}

void PluginDevice::copy_to_host(void* to, const void* from, std::int64_t bytes) {
  call(table_->copy_to_host, to, from, bytes);
}

bool PluginDevice::try_copy_from(Device& source, void* to, const void* from, std::int64_t bytes) {
  const auto* other = dynamic_cast<const PluginDevice*>(&source);
  if (other == nullptr || other->table_ != table_) return false;
  call(table_->copy_from, other->handle_->device, to, from, bytes);
  return true;
}

std::unique_ptr<DeviceGroup> PluginDevice::try_group(std::span<Device* const> members, std::string& reason) {
  const auto refuse = [&](const std::string& why) {
    reason = why;
    return nullptr;
  };
  if (!groups_.allowed) return refuse("--nccl is off");
  if (groups_.deterministic && members.size() > 2)
    return refuse("with --deterministic, sums of more than two are taken in order of rank");
  std::vector<PluginDevice*> devices;
  std::vector<MillraceDevice*> handles;
  for (Device* member : members) {
    auto* const device = dynamic_cast<PluginDevice*>(member);
    if (device == nullptr || device->table_ != table_)
      return refuse(member->info().name + " is no such card");
    for (const PluginDevice* other : devices) {
      if (other->card_ == device->card_) return refuse("two ranks are on " + device->info_.name);
    }
    devices.push_back(device);
    handles.push_back(device->handle_->device);
  }
  const MillraceGroupOptions options{groups_.nccl.c_str(), groups_.patience_ms};
  MillraceGroup* group = nullptr;
  MillraceError error{};
  if (table_->open_group(handles.data(), static_cast<int>(handles.size()), &options, &group, &error) != 0)
    fail(error);
  if (group != nullptr) return std::make_unique<PluginGroup>(std::move(devices), group);
  if (!groups_.nccl.empty()) {
    throw Error("ERR_INVALID_OPTION", "nccl is " + groups_.nccl + ", which cannot be used: " + error.message +
                                          ". Correct --nccl, or leave it out to sum by way of the host.");
  }
  return refuse("NCCL cannot be used: " + std::string(error.message));
}

void PluginDevice::embed(const Batch& batch, const Weight& table, Tensor out) {
  const MillraceBatch c_batch = to_c(batch);
  call(table_->embed, &c_batch, handle_of(&table), to_c(out));
}

void PluginDevice::norm(const NormArgs& args) {
  const MillraceTensor delta = args.delta == nullptr ? MillraceTensor{} : to_c(*args.delta);
  const MillraceNorm c_args{to_c(args.x), args.delta == nullptr ? nullptr : &delta, handle_of(args.weight),
                            args.epsilon, to_c(args.out)};
  call(table_->norm, &c_args);
}

void PluginDevice::matmul(const MatmulArgs& args) {
  const MillraceMatmul c_args{to_c(args.x),
                              handle_of(args.weight),
                              handle_of(args.bias),
                              to_c(args.y),
                              args.activation ? static_cast<int>(*args.activation) : -1,
                              args.y_is_f32 ? 1 : 0};
  call(table_->matmul, &c_args);
}

void PluginDevice::rope_store(const Batch& batch, const RopeStoreArgs& args) {
  const MillraceBatch c_batch = to_c(batch);
  const MillraceRopeStore c_args{to_c(args.qkv),           args.num_heads,
                                 handle_of(args.q_norm),   handle_of(args.k_norm),
                                 args.norm_epsilon,        static_cast<int>(args.form),
                                 args.inverse_frequencies, args.rotary_dim,
                                 args.magnitude,           to_c(args.kv)};
  call(table_->rope_store, &c_batch, &c_args);
}

void PluginDevice::attention(const Batch& batch, const AttentionArgs& args) {
  const MillraceBatch c_batch = to_c(batch);
  const MillraceAttention c_args{to_c(args.q), to_c(args.kv),       args.num_heads,
                                 args.scale,   args.sliding_window, to_c(args.out)};
  call(table_->attention, &c_batch, &c_args);
}

void PluginDevice::gather_rows(Tensor x, const std::int32_t* indices, Tensor out) {
  call(table_->gather_rows, to_c(x), indices, to_c(out));
}

void PluginDevice::add(Tensor x, Tensor delta) {
  call(table_->add, to_c(x), to_c(delta));
}

void PluginDevice::copy_blocks(const KvLayer& kv, std::span<const BlockCopy> copies) {
  const MillraceKvLayer c_kv = to_c(kv);
  call(table_->copy_blocks, &c_kv, to_c(copies), static_cast<int>(copies.size()));
}

void PluginDevice::copy_out(const KvLayer& kv, HostLayer host, std::span<const BlockCopy> copies) {
  const MillraceKvLayer c_kv = to_c(kv);
  call(table_->copy_out, &c_kv, MillraceHostLayer{host.data, host.stride}, to_c(copies),
       static_cast<int>(copies.size()));
}

void PluginDevice::copy_in(const KvLayer& kv, HostLayer host, std::span<const BlockCopy> copies) {
  const MillraceKvLayer c_kv = to_c(kv);
  call(table_->copy_in, &c_kv, MillraceHostLayer{host.data, host.stride}, to_c(copies),
       static_cast<int>(copies.size()));
}

void PluginDevice::sample(Tensor logits, std::span<const SampleRow> rows, std::span<SampleResult> results) {
  sample_rows_.clear();
  sample_results_.clear();
  for (const SampleRow& row : rows) sample_rows_.push_back(to_c(row));
  for (const SampleResult& result : results)
    sample_results_.push_back({.status = 0,
                               .token = -1,
                               .logprob = 0,
                               .top_ids = result.top_ids,
                               .top_logprobs = result.top_logprobs});
  call(table_->sample, to_c(logits), sample_rows_.data(), sample_results_.data());
  waiting_ = results;
}

void PluginDevice::log_probs(Tensor logits, std::span<const std::int32_t> targets, int top, float* logprobs,
                             std::int32_t* top_ids, float* top_logprobs, int top_stride) {
  const MillraceLogProbs args{to_c(logits), targets.data(), top, logprobs, top_ids, top_logprobs, top_stride};
  call(table_->log_probs, &args);
}

void PluginDevice::synchronize() {
  const auto waiting = std::exchange(waiting_, {});
  call(table_->synchronize);
  for (std::size_t i = 0; i < waiting.size(); ++i) {
    waiting[i].status = static_cast<SampleStatus>(sample_results_[i].status);
    waiting[i].token = sample_results_[i].token;
    waiting[i].logprob = sample_results_[i].logprob;
  }
}

}  // namespace millrace
