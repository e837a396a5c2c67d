#include "runtime/timed_device.hpp"

#include <chrono>
#include <utility>

namespace millrace {

template <typename Operation>
void TimedDevice::timed(const char* kind, Operation operation, const MatmulArgs* product) {
  const auto start = std::chrono::steady_clock::now();
  operation();
  inside_->synchronize();
  const std::chrono::duration<double, std::milli> spent = std::chrono::steady_clock::now() - start;
  const std::lock_guard lock(mutex_);
  const std::int64_t rows = product ? product->weight->rows() : 0;
  const std::int64_t cols = product ? product->weight->cols() : 0;
  StageTime& time = entry(kind, rows, cols).time;
  ++time.calls;
  time.ms += spent.count();
  if (!product) return;
  time.weight_bytes += product->weight->device_bytes();
  time.ops += 2.0 * static_cast<double>(rows * cols) * product->x.rows;
}

TimedDevice::Entry& TimedDevice::entry(const char* kind, std::int64_t rows, std::int64_t cols) {
  for (Entry& known : entries_) {
    if (known.kind == kind && known.rows == rows && known.cols == cols) return known;
  }
  entries_.push_back({.kind = kind, .rows = rows, .cols = cols, .time = {.name = kind}});
  return entries_.back();
}

std::vector<StageTime> TimedDevice::take_times() {
  const std::lock_guard lock(mutex_);
  std::vector<StageTime> times;
  for (Entry& entry : entries_) {
    if (entry.rows > 0)
      entry.time.name += " " + std::to_string(entry.rows) + "x" + std::to_string(entry.cols);
    times.push_back(std::move(entry.time));
  }
  entries_.clear();
  return times;
}

std::unique_ptr<Buffer> TimedDevice::allocate(std::int64_t bytes) {
  return inside_->allocate(bytes);
}
std::unique_ptr<Buffer> TimedDevice::allocate_host(std::int64_t bytes) {
  return inside_->allocate_host(bytes);
}
std::unique_ptr<Weight> TimedDevice::upload(std::span<const WeightView> views, Quantization quantization) {
  return inside_->upload(views, quantization);
}
void TimedDevice::copy_to_device(void* to, const void* from, std::int64_t bytes) {
  timed("copy_to_device", [&] { inside_->copy_to_device(to, from, bytes); });
}
void TimedDevice::copy_to_host(void* to, const void* from, std::int64_t bytes) {
  timed("copy_to_host", [&] { inside_->copy_to_host(to, from, bytes); });
}
void TimedDevice::embed(const Batch& batch, const Weight& table, Tensor out) {
  timed("embed", [&] { inside_->embed(batch, table, out); });
}
void TimedDevice::norm(const NormArgs& args) {
  timed("norm", [&] { inside_->norm(args); });
}
void TimedDevice::matmul(const MatmulArgs& args) {
  timed(
      "matmul", [&] { inside_->matmul(args); }, &args);
}
void TimedDevice::rope_store(const Batch& batch, const RopeStoreArgs& args) {
  timed("rope_store", [&] { inside_->rope_store(batch, args); });
}
void TimedDevice::attention(const Batch& batch, const AttentionArgs& args) {
  timed("attention", [&] { inside_->attention(batch, args); });
}
void TimedDevice::gather_rows(Tensor x, const std::int32_t* indices, Tensor out) {
  timed("gather_rows", [&] { inside_->gather_rows(x, indices, out); });
}
void TimedDevice::add(Tensor x, Tensor delta) {
  timed("add", [&] { inside_->add(x, delta); });
}
void TimedDevice::copy_blocks(const KvLayer& kv, std::span<const BlockCopy> copies) {
  timed("copy_blocks", [&] { inside_->copy_blocks(kv, copies); });
}
void TimedDevice::copy_out(const KvLayer& kv, HostLayer host, std::span<const BlockCopy> copies) {
  timed("copy_out", [&] { inside_->copy_out(kv, host, copies); });
}
void TimedDevice::copy_in(const KvLayer& kv, HostLayer host, std::span<const BlockCopy> copies) {
  timed("copy_in", [&] { inside_->copy_in(kv, host, copies); });
}
void TimedDevice::sample(Tensor logits, std::span<const SampleRow> rows, std::span<SampleResult> results) {
  timed("sample", [&] { inside_->sample(logits, rows, results); });
}
void TimedDevice::log_probs(Tensor logits, std::span<const std::int32_t> targets, int top, float* logprobs,
                            std::int32_t* top_ids, float* top_logprobs, int top_stride) {
  timed("log_probs",
        [&] { inside_->log_probs(logits, targets, top, logprobs, top_ids, top_logprobs, top_stride); });
}

}  // namespace millrace
