#pragma once
#include <napi.h>

#include <deque>
#include <memory>

#include "cpu/thread_placement.hpp"
#include "runtime/model_runtime.hpp"

namespace millrace {

// NativeModel of src/native/binding.ts: the road from one JavaScript call to the step thread and back.
//
// Lifetimes. The object holds itself (Ref) while a step or a disposal is unsettled, so garbage collection
// never meets a running step. When an environment ends first (process exit, worker.terminate()), a cleanup
// hook stops the step thread before the thread-safe function goes away: hooks run in reverse order of
// registration, and ours is registered after it.
class ModelObject final : public Napi::ObjectWrap<ModelObject> {
 public:
  static Napi::Function define(Napi::Env env);
  static Napi::Object make(Napi::Env env, std::shared_ptr<ModelRuntime> runtime,
                           const std::string& fingerprint);
  explicit ModelObject(const Napi::CallbackInfo& info);
  ~ModelObject() override;

 private:
  struct PendingStep {
    Napi::Reference<Napi::ArrayBuffer> output;
    Napi::FunctionReference done;
  };
  // Called on the JavaScript thread for each job that the step thread hands back; env is null at teardown.
  static void on_step_done(Napi::Env env, Napi::Function, ModelObject* model, StepJob* job);
  using StepDone = Napi::TypedThreadSafeFunction<ModelObject, StepJob, on_step_done>;

  Napi::Value get_kv(const Napi::CallbackInfo& info);
  Napi::Value get_memory(const Napi::CallbackInfo& info);
  Napi::Value get_exchange(const Napi::CallbackInfo& info);
  Napi::Value get_fingerprint(const Napi::CallbackInfo& info);
  Napi::Value get_max_rows(const Napi::CallbackInfo& info);
  Napi::Value get_max_tokens(const Napi::CallbackInfo& info);
  Napi::Value get_max_logprobs(const Napi::CallbackInfo& info);
  void open_slot(const Napi::CallbackInfo& info);
  void close_slot(const Napi::CallbackInfo& info);
  Napi::Value stage_times(const Napi::CallbackInfo& info);
  void set_mask(const Napi::CallbackInfo& info);
  void step(const Napi::CallbackInfo& info);
  Napi::Value hidden_states(const Napi::CallbackInfo& info);
  Napi::Value dispose(const Napi::CallbackInfo& info);

  // Throws ERR_MODEL_DISPOSED.
  ModelRuntime& runtime();
  void settle(Napi::Env env, StepJob& job);
  void hold(Napi::Env env);
  void let_go(Napi::Env env);
  void shut_down();
  static void on_environment_end(void* model);

  std::shared_ptr<ModelRuntime> runtime_;
  Napi::ObjectReference kv_;
  Napi::ObjectReference memory_;
  std::string fingerprint_, exchange_;
  StepLimits limits_;
  StepDone step_done_;
  ThreadHandle javascript_;
  std::deque<PendingStep> pending_;  // oldest first: steps settle in order
  std::vector<float> hidden_;        // of the step whose `done` is running
  Napi::Reference<Napi::Promise> disposal_;
  int holds_ = 0;
  bool disposed_ = false;
  bool shut_down_ = false;
};

}  // namespace millrace
