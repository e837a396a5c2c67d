#include "binding/model.hpp"

#include <algorithm>
#include <utility>

#include "binding/arguments.hpp"
#include "binding/instance.hpp"
#include "binding/kv_pool.hpp"
#include "binding/run_async.hpp"
#include "binding/step_arrays.hpp"

namespace millrace {
namespace {

constexpr std::int64_t kMaxSlot = (std::int64_t{1} << 31) - 1;
constexpr double kMaxExactInteger = 9007199254740991;

Slot slot_argument(const Napi::CallbackInfo& info) {
  return static_cast<Slot>(int_argument(info, 0, "slot", 0, kMaxSlot));
}

std::vector<std::int32_t> copy(std::span<const std::int32_t> view) {
  return {view.begin(), view.end()};
}

SamplingParams read_params(const Napi::Object& object) {
  SamplingParams params;
  params.temperature = static_cast<float>(number_field(object, "temperature"));
  params.top_k = static_cast<int>(int_field(object, "topK", 0, 1 << 30));
  params.top_p = static_cast<float>(number_field(object, "topP"));
  params.min_p = static_cast<float>(number_field(object, "minP"));
  params.repetition_penalty = static_cast<float>(number_field(object, "repetitionPenalty"));
  params.frequency_penalty = static_cast<float>(number_field(object, "frequencyPenalty"));
  params.presence_penalty = static_cast<float>(number_field(object, "presencePenalty"));
  params.seed = bigint_field(object, "seed");
  params.top_logprobs = static_cast<int>(int_field(object, "topLogprobs", 0, 1 << 16));
  params.bias_ids = copy(int32_view(object.Get("biasIds"), "biasIds"));
  const auto biases = float32_view(object.Get("biases"), "biases");
  params.biases.assign(biases.begin(), biases.end());
  return params;
}

StopRules read_stop_rules(const Napi::Object& object) {
  StopRules stop;
  stop.stop_token_ids = copy(int32_view(object.Get("stopTokenIds"), "stopTokenIds"));
  stop.min_tokens = int_field(object, "minTokens", 0, static_cast<std::int64_t>(kMaxExactInteger));
  stop.max_tokens = int_field(object, "maxTokens", 1, static_cast<std::int64_t>(kMaxExactInteger));
  return stop;
}

Napi::Object memory_use(Napi::Env env, const ModelRuntime& runtime) {
  Napi::Object memory = Napi::Object::New(env);
  memory.Set("weightsBytes", static_cast<double>(runtime.weights_bytes()));
  memory.Set("kvBytes", static_cast<double>(runtime.kv_bytes()));
  memory.Set("kvHostBytes", static_cast<double>(runtime.kv_host_bytes()));
  memory.Set("workspaceBytes", static_cast<double>(runtime.workspace_bytes()));
  return memory;
}

struct NewModel {
  std::shared_ptr<ModelRuntime> runtime;
  const std::string& fingerprint;
};

}  // namespace

Napi::Function ModelObject::define(Napi::Env env) {
  return DefineClass(
      env, "NativeModel",
      {InstanceAccessor<&ModelObject::get_kv>("kv"), InstanceAccessor<&ModelObject::get_memory>("memory"),
       InstanceAccessor<&ModelObject::get_exchange>("exchange"),
       InstanceAccessor<&ModelObject::get_fingerprint>("fingerprint"),
       InstanceAccessor<&ModelObject::get_max_rows>("maxRows"),
       InstanceAccessor<&ModelObject::get_max_tokens>("maxTokens"),
       InstanceAccessor<&ModelObject::get_max_logprobs>("maxLogprobs"),
       InstanceMethod<&ModelObject::open_slot>("openSlot"),
       InstanceMethod<&ModelObject::close_slot>("closeSlot"),
       InstanceMethod<&ModelObject::set_mask>("setMask"), InstanceMethod<&ModelObject::step>("step"),
       InstanceMethod<&ModelObject::hidden_states>("hiddenStates"),
       InstanceMethod<&ModelObject::stage_times>("stageTimes"),
       InstanceMethod<&ModelObject::dispose>("dispose")});
}

Napi::Object ModelObject::make(Napi::Env env, std::shared_ptr<ModelRuntime> runtime,
                               const std::string& fingerprint) {
  NewModel model{std::move(runtime), fingerprint};
  return Instance::of(env).model.New({Napi::External<NewModel>::New(env, &model)});  // read at once, below
}

ModelObject::ModelObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ModelObject>(info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsExternal()) throw to_js_error(env, "ERR_INVALID_ARGUMENT", "Use loadModel().");
  guarded(info, [&] {
    const NewModel& model = *info[0].As<Napi::External<NewModel>>().Data();
    runtime_ = model.runtime;
    fingerprint_ = model.fingerprint;
    limits_ = runtime_->limits();
    exchange_ = runtime_->exchange();
    kv_ = Napi::Persistent(KvPoolObject::make(env, runtime_->kv()));
    memory_ = Napi::Persistent(memory_use(env, *runtime_));
    step_done_ = StepDone::New(env, "millrace step", 0, 1, this);
    step_done_.Unref(env);
    javascript_.adopt_caller();
    runtime_->start(
        [this](StepJob* job) { javascript_.wake_elsewhere([&] { step_done_.NonBlockingCall(job); }); });
    // Last: what throws above leaves no hook with a dead object behind.
    napi_add_env_cleanup_hook(env, on_environment_end, this);
  });
}

ModelObject::~ModelObject() {
  if (!shut_down_) napi_remove_env_cleanup_hook(Env(), on_environment_end, this);
  shut_down();
}

void ModelObject::on_environment_end(void* model) {
  static_cast<ModelObject*>(model)->shut_down();
}

// Ends the step thread; what it has handed back and nobody has read is dropped.
void ModelObject::shut_down() {
  if (std::exchange(shut_down_, true)) return;
  if (runtime_) {
    runtime_->request_stop();
    runtime_->join();
  }
  step_done_.Abort();
}

Napi::Value ModelObject::get_kv(const Napi::CallbackInfo&) {
  return kv_.Value();
}
Napi::Value ModelObject::get_memory(const Napi::CallbackInfo&) {
  return memory_.Value();
}
Napi::Value ModelObject::get_exchange(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), exchange_);
}
Napi::Value ModelObject::get_fingerprint(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), fingerprint_);
}
Napi::Value ModelObject::get_max_rows(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), limits_.max_rows);
}
Napi::Value ModelObject::get_max_tokens(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), limits_.max_tokens);
}
Napi::Value ModelObject::get_max_logprobs(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), limits_.max_logprobs);
}

void ModelObject::open_slot(const Napi::CallbackInfo& info) {
  guarded(info, [&] {
    const Napi::Object params = object_argument(info, 1, "params");
    SamplingParams sampling = read_params(params);
    StopRules stop = read_stop_rules(params);
    runtime().open_slot(slot_argument(info), std::move(sampling), std::move(stop),
                        int32_view(info[2], "promptIds"), int32_view(info[3], "outputIds"));
  });
}

void ModelObject::close_slot(const Napi::CallbackInfo& info) {
  guarded(info, [&] { runtime().close_slot(slot_argument(info)); });
}

void ModelObject::set_mask(const Napi::CallbackInfo& info) {
  guarded(info, [&] { runtime().set_mask(slot_argument(info), copy(int32_view(info[1], "mask"))); });
}

void ModelObject::step(const Napi::CallbackInfo& info) {
  guarded(info, [&] {
    const Napi::Env env = info.Env();
    const auto num_rows = static_cast<int>(int_argument(info, 0, "numRows", 0, 1 << 30));
    const Napi::ArrayBuffer output = step_output_buffer(info[2], limits_);
    if (!info[3].IsFunction()) refuse_argument("done", "must be a function");
    ModelRuntime& model = runtime();
    // All that can fail in an environment that is being terminated comes before the step is queued: a step
    // that is queued is always pending here.
    PendingStep pending{Napi::Persistent(output), Napi::Persistent(info[3].As<Napi::Function>())};
    model.submit(read_step_input(num_rows, info[1], limits_));
    pending_.push_back(std::move(pending));
    hold(env);
  });
}

Napi::Value ModelObject::hidden_states(const Napi::CallbackInfo& info) {
  return guarded(info, [&] {
    auto states = Napi::Float32Array::New(info.Env(), hidden_.size());
    std::copy(hidden_.begin(), hidden_.end(), states.Data());
    return states;
  });
}

Napi::Value ModelObject::stage_times(const Napi::CallbackInfo& info) {
  return guarded(info, [&] {
    const std::vector<StageTime> times = runtime().take_stage_times();
    auto list = Napi::Array::New(info.Env(), times.size());
    for (std::uint32_t i = 0; i < times.size(); ++i) {
      Napi::Object stage = Napi::Object::New(info.Env());
      stage.Set("name", times[i].name);
      stage.Set("calls", static_cast<double>(times[i].calls));
      stage.Set("ms", times[i].ms);
      stage.Set("weightBytes", static_cast<double>(times[i].weight_bytes));
      stage.Set("ops", times[i].ops);
      list.Set(i, stage);
    }
    return list;
  });
}

void ModelObject::on_step_done(Napi::Env env, Napi::Function, ModelObject* model, StepJob* job) {
  if (static_cast<napi_env>(env) == nullptr) return;  // the environment ends: nobody waits any more
  try {
    const Napi::HandleScope scope(env);
    model->settle(env, *job);
  } catch (const Napi::Error& error) {
    // What `done` threw: an uncaught exception. An environment that is being terminated refuses every call,
    // this one too; there is nobody to tell.
    napi_fatal_exception(env, error.Value());
  }
}

void ModelObject::settle(Napi::Env env, StepJob& job) {
  const PendingStep step = std::move(pending_.front());
  pending_.pop_front();
  std::vector<napi_value> arguments;
  if (job.error_code.empty()) {
    write_step_output(job, limits_, step.output.Value());
    hidden_.swap(job.output.hidden);
  } else {
    hidden_.clear();
    arguments.push_back(to_js_error(env, job.error_code, job.error_message).Value());
  }
  runtime_->recycle(&job);
  let_go(env);
  // Last: it may queue the next step, or dispose of the model.
  step.done.Call(arguments);
}

Napi::Value ModelObject::dispose(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!disposal_.IsEmpty()) return disposal_.Value();
  disposed_ = true;
  runtime_->request_stop();
  hold(env);
  const Napi::Promise promise = run_async<bool>(
      env, [runtime = runtime_](const auto&) { return runtime->join(), true; },
      [this](Napi::Env settled_env, bool&&) -> Napi::Value {
        let_go(settled_env);
        return settled_env.Undefined();
      });
  disposal_ = Napi::Persistent(promise);
  return promise;
}

ModelRuntime& ModelObject::runtime() {
  if (disposed_ || shut_down_) throw Error("ERR_MODEL_DISPOSED", "The model is disposed.");
  return *runtime_;
}

void ModelObject::hold(Napi::Env env) {
  if (holds_++ > 0) return;
  Ref();
  step_done_.Ref(env);
}

void ModelObject::let_go(Napi::Env env) {
  if (--holds_ > 0) return;
  step_done_.Unref(env);
  // Weights and KV go with the last step, not with the garbage collector.
  if (disposed_) runtime_.reset();
  Unref();
}

}  // namespace millrace
