#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "runtime/execution_plan.hpp"
#include "runtime/forward.hpp"
#include "runtime/kv_pool.hpp"
#include "runtime/step.hpp"
#include "runtime/timed_device.hpp"

namespace millrace {

struct RuntimeOptions {
  ModelSpec spec;
  std::vector<DeviceMapEntry> device_map;
  Quantization quantization;
  DType kv_dtype = DType::kF32;
  int kv_blocks = 0;
  int kv_host_blocks = 0;       // memory for swapped-out sequences
  bool preallocate_kv = false;  // take the memory from the system at the start, not at first use
  StepLimits limits;
  bool stage_times = false;  // note how long each kind of operation takes
};

// A loaded model with the thread that runs its steps. All functions belong to one thread (JavaScript's);
// the step thread only takes jobs and hands them back through `on_done`.
class ModelRuntime {
 public:
  static constexpr int kMaxQueuedSteps = 2;

  // Called on the step thread when a job has run and the next one, if it was queued, has begun; or when it
  // was dropped by request_stop(). In the order of the jobs. Must not block.
  using DoneFn = std::function<void(StepJob*)>;

  // Loads weights and allocates; may take seconds. The files are not needed afterwards. Throws Error.
  ModelRuntime(const ModelFiles& files, RuntimeOptions options, const std::function<void(double)>& progress);
  ~ModelRuntime();
  ModelRuntime(const ModelRuntime&) = delete;
  ModelRuntime& operator=(const ModelRuntime&) = delete;

  // Starts the step thread.
  void start(DoneFn on_done);
  // Queued jobs come back with ERR_MODEL_DISPOSED; the running one ends as usual. Idempotent.
  void request_stop();
  // Waits for the step thread to end after request_stop(). Any thread may call it, several times.
  void join();

  [[nodiscard]] const std::shared_ptr<KvPool>& kv() const { return kv_; }
  [[nodiscard]] const StepLimits& limits() const { return options_.limits; }
  [[nodiscard]] int vocab_size() const { return options_.spec.vocab_size; }
  [[nodiscard]] std::int64_t weights_bytes() const { return weights_.bytes; }
  [[nodiscard]] std::int64_t kv_bytes() const { return storage_.bytes(); }
  [[nodiscard]] std::int64_t kv_host_bytes() const { return storage_.host_bytes(); }
  [[nodiscard]] std::int64_t workspace_bytes() const { return forward_.workspace_bytes(); }
  // For people: how cards that split layers sum; empty when none do.
  [[nodiscard]] const std::string& exchange() const { return forward_.exchange(); }

  // Of all devices, since the last call; empty unless the options ask for it.
  [[nodiscard]] std::vector<StageTime> take_stage_times();

  // Throws ERR_BAD_SLOT when the pool has no such slot, ERR_INVALID_PARAMETER for values out of range.
  void open_slot(Slot slot, SamplingParams params, StopRules stop, std::span<const std::int32_t> prompt_ids,
                 std::span<const std::int32_t> output_ids);
  void close_slot(Slot slot);
  void set_mask(Slot slot, std::vector<std::int32_t> mask);

  // Checks and copies one step, and queues it. Throws ERR_QUEUE_FULL when two are out already, and
  // ERR_INVALID_STEP naming the array and the row; nothing is queued then.
  void submit(const StepInput& input);
  // Gives a job back once its output is read.
  void recycle(StepJob* job);

 private:
  void check(const StepInput& input) const;
  void check_row(const StepInput& input, int row) const;
  void check_draft(const StepInput& input, int row) const;
  void fill(const StepInput& input, StepJob& job);
  void work();
  StepJob* take_queued();
  StepJob* wait_for_queued();
  StepJob* take_first();
  SlotState& state(Slot slot) const;

  // Puts timers around the devices of the map.
  RuntimeOptions with_timers(RuntimeOptions options);

  std::vector<std::shared_ptr<TimedDevice>> timed_devices_;
  RuntimeOptions options_;
  ExecutionPlan plan_;
  ModelWeights weights_;
  KvStorage storage_;
  Forward forward_;
  StepRunner runner_;
  std::shared_ptr<KvPool> kv_;
  std::vector<std::shared_ptr<SlotState>> slots_;
  mutable std::vector<std::uint64_t> seen_in_check_;  // by slot: number of the last check that met it
  mutable std::uint64_t checks_ = 0;

  std::vector<std::unique_ptr<StepJob>> jobs_;
  std::vector<StepJob*> idle_jobs_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<StepJob*> queue_;         // at most kMaxQueuedSteps, oldest first
  std::atomic<bool> stopping_ = false;  // written under the mutex
  DoneFn on_done_;
  std::mutex join_mutex_;
  std::thread thread_;
};

}  // namespace millrace
