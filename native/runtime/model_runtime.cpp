#include "runtime/model_runtime.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/error.hpp"

namespace millrace {
namespace {

std::size_t index(std::int64_t i) {
  return static_cast<std::size_t>(i);
}

// The clock of process.hrtime(): CLOCK_MONOTONIC on Linux.
double now_ms() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

[[noreturn]] void refuse_step(const std::string& field, int row, const std::string& problem) {
  throw Error("ERR_INVALID_STEP", field + "[" + std::to_string(row) + "] " + problem + ".");
}

void check_range(const char* name, double value, double low, double high) {
  if (!(value >= low && value <= high)) {  // also refuses NaN
    throw Error("ERR_INVALID_PARAMETER", std::string(name) + " is " + std::to_string(value) +
                                             "; it must be from " + std::to_string(low) + " to " +
                                             std::to_string(high) + ".");
  }
}

void check_ids(const char* name, std::span<const std::int32_t> ids, int vocab_size) {
  for (const std::int32_t id : ids) {
    if (id < 0 || id >= vocab_size) {
      throw Error("ERR_INVALID_PARAMETER", std::string(name) + " has the token id " + std::to_string(id) +
                                               "; the vocabulary has " + std::to_string(vocab_size) +
                                               " tokens.");
    }
  }
}

void check_params(const SamplingParams& params, const StopRules& stop, int vocab_size, int max_logprobs) {
  constexpr double kLargest = 3.4e38;
  check_range("temperature", params.temperature, 0, 1e6);
  check_range("topK", params.top_k, 0, 1 << 30);
  check_range("topP", params.top_p, 0, 1);
  check_range("minP", params.min_p, 0, 1);
  check_range("repetitionPenalty", params.repetition_penalty, 1e-6, 1e6);
  check_range("frequencyPenalty", params.frequency_penalty, -1e6, 1e6);
  check_range("presencePenalty", params.presence_penalty, -1e6, 1e6);
  check_range("topLogprobs", params.top_logprobs, 0, max_logprobs);
  check_range("minTokens", static_cast<double>(stop.min_tokens), 0, 1e15);
  check_range("maxTokens", static_cast<double>(stop.max_tokens), 1, 1e15);
  check_ids("biasIds", params.bias_ids, vocab_size);
  check_ids("stopTokenIds", stop.stop_token_ids, vocab_size);
  if (params.bias_ids.size() != params.biases.size()) {
    throw Error("ERR_INVALID_PARAMETER", "biases must have as many entries as biasIds.");
  }
  for (const float bias : params.biases) check_range("biases", bias, -kLargest, kLargest);
}

StepOutput make_output(const StepLimits& limits) {
  const auto rows = index(limits.max_rows), tokens = index(limits.max_tokens),
             samples = index(limits.max_samples()), top = index(limits.max_logprobs);
  StepOutput out;
  out.token_starts.resize(rows + 1);
  out.tokens.resize(samples);
  out.statuses.resize(rows);
  out.logprobs.resize(samples);
  out.top_ids.resize(samples * top);
  out.top_logprobs.resize(samples * top);
  out.prompt_logprobs.resize(tokens);
  out.prompt_top_ids.resize(tokens * top);
  out.prompt_top_logprobs.resize(tokens * top);
  return out;
}

}  // namespace

ModelRuntime::ModelRuntime(const ModelFiles& files, RuntimeOptions options,
                           const std::function<void(double)>& progress)
    : options_(with_timers(std::move(options))),
      plan_(compile_plan(options_.spec, options_.device_map)),
      weights_(load_weights(files, options_.spec, plan_, options_.quantization, progress)),
      storage_(options_.spec, plan_, options_.kv_dtype, options_.kv_blocks, options_.kv_host_blocks,
               options_.limits.block_tokens),
      forward_(options_.spec, plan_, weights_, storage_, options_.limits),
      runner_(forward_, options_.limits, options_.spec.vocab_size),
      kv_(std::make_shared<KvPool>(options_.kv_blocks, options_.limits.block_tokens,
                                   options_.kv_host_blocks)) {
  if (options_.preallocate_kv) storage_.populate(plan_);
  queue_.reserve(kMaxQueuedSteps);
  for (int i = 0; i < kMaxQueuedSteps; ++i) {
    jobs_.push_back(std::make_unique<StepJob>());
    jobs_.back()->output = make_output(options_.limits);
    jobs_.back()->rows.reserve(index(options_.limits.max_rows));
    jobs_.back()->token_ids.reserve(index(options_.limits.max_tokens));
    idle_jobs_.push_back(jobs_.back().get());
  }
}

RuntimeOptions ModelRuntime::with_timers(RuntimeOptions options) {
  if (!options.stage_times) return options;
  for (DeviceMapEntry& stage : options.device_map) {
    for (std::shared_ptr<Device>& device : stage.devices) {
      timed_devices_.push_back(std::make_shared<TimedDevice>(std::move(device)));
      device = timed_devices_.back();
    }
  }
  return options;
}

std::vector<StageTime> ModelRuntime::take_stage_times() {
  std::vector<StageTime> all;
  for (const auto& device : timed_devices_) {
    for (StageTime& time : device->take_times()) {
      const auto same =
          std::find_if(all.begin(), all.end(), [&](const auto& t) { return t.name == time.name; });
      if (same == all.end()) {
        all.push_back(std::move(time));
      } else {
        same->calls += time.calls;
        same->ms += time.ms;
        same->weight_bytes += time.weight_bytes;
        same->ops += time.ops;
      }
    }
  }
  return all;
}

ModelRuntime::~ModelRuntime() {
  request_stop();
  join();
}

void ModelRuntime::start(DoneFn on_done) {
  on_done_ = std::move(on_done);
  thread_ = std::thread([this] { work(); });
}

void ModelRuntime::request_stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  for (const auto& slot : slots_) {
    if (slot) slot->mask.close();  // or the running step could wait for a mask that never comes
  }
}

void ModelRuntime::join() {
  const std::lock_guard lock(join_mutex_);
  if (thread_.joinable()) thread_.join();
}

void ModelRuntime::open_slot(Slot slot, SamplingParams params, StopRules stop,
                             std::span<const std::int32_t> prompt_ids,
                             std::span<const std::int32_t> output_ids) {
  if (!kv_->is_open(slot)) throw Error("ERR_BAD_SLOT", "slot: " + std::to_string(slot) + " is not open.");
  check_params(params, stop, vocab_size(), limits().max_logprobs);
  check_ids("promptIds", prompt_ids, vocab_size());
  check_ids("outputIds", output_ids, vocab_size());
  auto state = std::make_shared<SlotState>();
  state->params = std::move(params);
  state->stop = std::move(stop);
  state->sampled = static_cast<std::int64_t>(output_ids.size());
  if (!output_ids.empty()) state->last_token = output_ids.back();
  if (state->params.has_penalties()) {
    state->counts.add_prompt(prompt_ids);
    for (const std::int32_t id : output_ids) state->counts.add_output(id);
  }
  if (slots_.size() <= index(slot)) slots_.resize(index(slot) + 1);
  if (slots_[index(slot)])
    throw Error("ERR_BAD_SLOT", "slot: " + std::to_string(slot) + " samples already; close it first.");
  slots_[index(slot)] = std::move(state);
}

void ModelRuntime::close_slot(Slot slot) {
  SlotState& closing = state(slot);
  closing.closed.store(true, std::memory_order_release);
  closing.mask.close();
  slots_[index(slot)].reset();
}

void ModelRuntime::set_mask(Slot slot, std::vector<std::int32_t> mask) {
  const auto words = index((vocab_size() + 31) / 32);
  if (mask.size() != words) {
    throw Error("ERR_INVALID_PARAMETER", "mask has " + std::to_string(mask.size()) +
                                             " words; this vocabulary needs " + std::to_string(words) + ".");
  }
  state(slot).mask.put(std::move(mask));
}

void ModelRuntime::submit(const StepInput& input) {
  check(input);
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) throw Error("ERR_MODEL_DISPOSED", "The model is disposed.");
  }
  if (idle_jobs_.empty()) {
    throw Error("ERR_QUEUE_FULL", "Two steps are queued already; wait for one of them.");
  }
  StepJob* job = idle_jobs_.back();
  fill(input, *job);
  idle_jobs_.pop_back();
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(job);
  }
  wake_.notify_one();
}

void ModelRuntime::recycle(StepJob* job) {
  job->rows.clear();  // lets go of closed slots
  idle_jobs_.push_back(job);
}

void ModelRuntime::check(const StepInput& input) const {
  if (input.num_rows < 1 || input.num_rows > limits().max_rows) {
    throw Error("ERR_INVALID_STEP", "numRows is " + std::to_string(input.num_rows) +
                                        "; it must be from 1 to " + std::to_string(limits().max_rows) + ".");
  }
  const auto rows = index(input.num_rows);
  if (input.slots.size() < rows || input.positions.size() < rows || input.outputs.size() < rows ||
      input.next_token_ids.size() < rows || input.query_starts.size() < rows + 1) {
    throw Error("ERR_INVALID_STEP", "An input array is shorter than numRows needs.");
  }
  if (input.query_starts[0] != 0) refuse_step("queryStarts", 0, "must be 0");
  ++checks_;
  for (int row = 0; row < input.num_rows; ++row) check_row(input, row);
}

void ModelRuntime::check_row(const StepInput& input, int row) const {
  const auto i = index(row);
  const Slot slot = input.slots[i];
  if (!kv_->is_open(slot) || slots_.size() <= index(slot) || !slots_[index(slot)]) {
    refuse_step("slots", row, "is " + std::to_string(slot) + ", which is not open");
  }
  if (kv_->is_swapped(slot))
    refuse_step("slots", row, "is " + std::to_string(slot) + ", which is swapped out");
  if (seen_in_check_.size() <= index(slot)) seen_in_check_.resize(index(slot) + 1);
  if (std::exchange(seen_in_check_[index(slot)], checks_) == checks_) {
    refuse_step("slots", row, "is " + std::to_string(slot) + ", which stands in another row too");
  }
  const std::int64_t start = input.query_starts[i], end = input.query_starts[i + 1];
  const auto most =
      std::min<std::int64_t>(static_cast<std::int64_t>(input.token_ids.size()), limits().max_tokens);
  if (end <= start || end > most) {
    refuse_step("queryStarts", row + 1,
                "is " + std::to_string(end) + "; it must be above " + std::to_string(start) +
                    " and at most " + std::to_string(most));
  }
  const std::int64_t position = input.positions[i], total = position + end - start;
  if (position != kv_->written_tokens(slot) && !kv_->may_write_again(slot, position)) {
    refuse_step("positions", row,
                "is " + std::to_string(position) + ", but the slot has " +
                    std::to_string(kv_->written_tokens(slot)) + " tokens");
  }
  if (total > kv_->grown_tokens(slot) || total > limits().max_sequence_tokens) {
    refuse_step("positions", row,
                "and its tokens reach " + std::to_string(total) + ", past the slot's " +
                    std::to_string(kv_->grown_tokens(slot)) + " grown tokens or the longest sequence");
  }
  if ((input.outputs[i] & ~(kSample | kLogprobs | kPromptLogprobs | kAwaitMask | kHidden | kVerify)) != 0) {
    refuse_step("outputs", row, "has unknown bits");
  }
  if ((input.outputs[i] & kVerify) != 0) check_draft(input, row);
  if (input.next_token_ids[i] < -1 || input.next_token_ids[i] >= vocab_size()) {
    refuse_step("nextTokenIds", row, "is not a token id");
  }
  for (std::int64_t t = start; t < end; ++t) {
    const std::int32_t id = input.token_ids[index(t)];
    if (id >= vocab_size() || id < (t == start ? -1 : 0)) {
      refuse_step(
          "tokenIds", static_cast<int>(t),
          "is " + std::to_string(id) + "; the vocabulary has " + std::to_string(vocab_size()) + " tokens");
    }
  }
}

// What the second and later tokens of a row draw must not depend on which token the first one draws, except
// through the draft.
void ModelRuntime::check_draft(const StepInput& input, int row) const {
  const auto i = index(row);
  if ((input.outputs[i] & (kSample | kAwaitMask)) != kSample) {
    refuse_step("outputs", row, "verifies a draft, for which it must sample, and without a mask");
  }
  if (slots_[index(input.slots[i])]->params.has_penalties()) {
    refuse_step("outputs", row, "verifies a draft, which a slot with penalties cannot");
  }
}

void ModelRuntime::fill(const StepInput& input, StepJob& job) {
  job.rows.clear();
  job.tables.clear();
  job.token_ids.assign(input.token_ids.begin(),
                       input.token_ids.begin() + input.query_starts[index(input.num_rows)]);
  job.any_logprobs = job.any_prompt_logprobs = false;
  job.num_hidden = 0;
  job.error_code.clear();
  job.error_message.clear();
  for (int row = 0; row < input.num_rows; ++row) {
    const auto i = index(row);
    const Slot slot = input.slots[i];
    const std::int32_t start = input.query_starts[i], count = input.query_starts[i + 1] - start;
    const auto table = kv_->table(slot);
    const auto used = index((input.positions[i] + count + limits().block_tokens - 1) / limits().block_tokens);
    job.rows.push_back({slots_[index(slot)], start, count, input.positions[i], input.outputs[i],
                        input.next_token_ids[i], static_cast<int>(job.tables.size()),
                        static_cast<int>(used)});
    job.tables.insert(job.tables.end(), table.begin(), table.begin() + static_cast<std::ptrdiff_t>(used));
    job.any_logprobs = job.any_logprobs || (input.outputs[i] & kLogprobs) != 0;
    job.any_prompt_logprobs = job.any_prompt_logprobs || (input.outputs[i] & kPromptLogprobs) != 0;
    if ((input.outputs[i] & kHidden) != 0) ++job.num_hidden;
  }
  // The pool changes last: when memory for the copy of a table is lacking, nothing has happened.
  for (const StepRow& row : job.rows) {
    kv_->set_written_tokens(input.slots[index(&row - job.rows.data())], row.position + row.num_tokens);
  }
  job.block_ops = kv_->take_block_ops();
}

void ModelRuntime::work() {
  StepJob* finished = nullptr;  // not handed back yet
  // Wakes JavaScript, which may take this thread's processor at once. So the next step begins first, as far
  // as it is queued. Returns how long that took.
  const auto hand_back = [&] {
    if (finished == nullptr) return 0.0;
    const double start_ms = now_ms();
    on_done_(std::exchange(finished, nullptr));
    return now_ms() - start_ms;
  };
  double last_end_ms = 0;
  while (true) {
    StepJob* job = take_queued();
    if (job == nullptr) {
      hand_back();
      job = wait_for_queued();
      if (job == nullptr) return;
    }
    job->output.start_ms = now_ms();
    job->output.idle_ms = last_end_ms == 0 ? 0 : job->output.start_ms - last_end_ms;
    job->output.hand_out_ms = hand_back();
    if (stopping_) {
      job->fail("ERR_MODEL_DISPOSED", "The model was disposed before this step began.");
    } else {
      try {
        runner_.run(*job);
      } catch (const Error& error) {
        job->fail(error.code(), error.what());
      } catch (const std::exception& error) {
        job->fail("ERR_NATIVE_STEP", error.what());
      }
    }
    last_end_ms = job->output.end_ms = now_ms();
    finished = job;
  }
}

// Null when nothing is queued.
StepJob* ModelRuntime::take_queued() {
  const std::lock_guard lock(mutex_);
  return take_first();
}

// Null when the runtime stops and nothing is queued.
StepJob* ModelRuntime::wait_for_queued() {
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
  return take_first();
}

StepJob* ModelRuntime::take_first() {
  if (queue_.empty()) return nullptr;
  StepJob* job = queue_.front();
  queue_.erase(queue_.begin());
  return job;
}

SlotState& ModelRuntime::state(Slot slot) const {
  if (slot < 0 || slots_.size() <= index(slot) || !slots_[index(slot)]) {
    throw Error("ERR_BAD_SLOT", "slot: " + std::to_string(slot) + " is not open.");
  }
  return *slots_[index(slot)];
}

}  // namespace millrace
