#pragma once
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "runtime/model_runtime.hpp"

namespace millrace::test {

// One row of a step.
struct DrivenRow {
  Slot slot;
  std::vector<std::int32_t> tokens;  // -1: what the last step sampled
  std::int32_t position;
  std::int32_t outputs = kSample;
  std::int32_t next = -1;
};

// A runtime that is driven step by step, as the engine drives it.
class ModelDriver {
 public:
  using Ids = std::vector<std::int32_t>;

  ModelDriver(const ModelFiles& files, RuntimeOptions options)
      : runtime_(std::make_unique<ModelRuntime>(files, std::move(options), [](double) {})) {
    runtime_->start([this](StepJob* job) {
      {
        const std::lock_guard lock(mutex_);
        done_.push_back(job);
      }
      arrived_.notify_one();
    });
  }
  ~ModelDriver() { runtime_.reset(); }
  ModelDriver(const ModelDriver&) = delete;
  ModelDriver& operator=(const ModelDriver&) = delete;

  [[nodiscard]] ModelRuntime& runtime() { return *runtime_; }
  [[nodiscard]] KvPool& kv() { return *runtime_->kv(); }

  // A greedy sequence that never stops by itself, with blocks for that many tokens.
  Slot open(int tokens) {
    const Slot slot = kv().open();
    runtime_->open_slot(slot, {.temperature = 0}, {.stop_token_ids = {}, .max_tokens = 1 << 30}, {}, {});
    if (!kv().grow(slot, tokens)) throw Error("ERR_OUT_OF_KV", "the pool is too small for this sequence");
    return slot;
  }
  void close(Slot slot) {
    runtime_->close_slot(slot);
    kv().close(slot);
  }

  // At most two steps can be out.
  void submit(const std::vector<DrivenRow>& rows) {
    slots_.clear();
    starts_.assign(1, 0);
    tokens_.clear();
    positions_.clear();
    outputs_.clear();
    next_.clear();
    for (const DrivenRow& row : rows) {
      slots_.push_back(row.slot);
      tokens_.insert(tokens_.end(), row.tokens.begin(), row.tokens.end());
      starts_.push_back(static_cast<std::int32_t>(tokens_.size()));
      positions_.push_back(row.position);
      outputs_.push_back(row.outputs);
      next_.push_back(row.next);
    }
    runtime_->submit({static_cast<int>(rows.size()), slots_, starts_, tokens_, positions_, outputs_, next_});
  }
  // The sampled token of each row, -1 where there is none. Throws what failed the step.
  Ids wait() {
    StepJob* job = nullptr;
    {
      std::unique_lock lock(mutex_);
      arrived_.wait(lock, [this] { return !done_.empty(); });
      job = done_.front();
      done_.pop_front();
    }
    const std::string code = job->error_code, message = job->error_message;
    Ids sampled(job->rows.size(), -1);
    for (std::size_t row = 0; code.empty() && row < job->rows.size(); ++row) {
      const StepOutput& out = job->output;
      if (out.token_starts[row + 1] > out.token_starts[row])
        sampled[row] = out.tokens[static_cast<std::size_t>(out.token_starts[row])];
    }
    runtime_->recycle(job);
    if (!code.empty()) throw Error(code, message);
    return sampled;
  }
  Ids step(const std::vector<DrivenRow>& rows) {
    submit(rows);
    return wait();
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<StepJob*> done_;
  Ids slots_, starts_, tokens_, positions_, outputs_, next_;
  std::unique_ptr<ModelRuntime> runtime_;  // last: its thread ends before what it uses
};

}  // namespace millrace::test
