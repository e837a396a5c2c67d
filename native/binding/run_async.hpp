#pragma once
#include <napi.h>

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "binding/arguments.hpp"

namespace millrace {

// Runs `work` on libuv's pool and settles a promise with what `convert` makes of its value. For calls that
// are made once, not for steps. `work` touches no Napi value; an exception becomes a rejection with its code.
// `work` may report progress from 0 to 1 through its argument; `on_progress` may be empty. What it throws
// rejects the promise, once the work has ended.
template <typename Value>
class AsyncCall final : public Napi::AsyncProgressWorker<double> {
 public:
  using Report = std::function<void(double)>;
  using Work = std::function<Value(const Report&)>;
  using Convert = std::function<Napi::Value(Napi::Env, Value&&)>;

  static Napi::Promise run(Napi::Env env, Work work, Convert convert, const Napi::Value& on_progress) {
    // First, because it fails in an environment that is being terminated: the base class cannot bear a
    // constructor that throws behind its own.
    const auto deferred = Napi::Promise::Deferred::New(env);
    auto* call =
        new AsyncCall(env, deferred, std::move(work), std::move(convert));  // deletes itself when settled
    if (on_progress.IsFunction()) call->on_progress_ = Napi::Persistent(on_progress.As<Napi::Function>());
    call->Queue();
    return deferred.Promise();
  }

  void Execute(const ExecutionProgress& progress) override {
    try {
      value_.emplace(work_([&](double done) { progress.Send(&done, 1); }));
    } catch (const Error& error) {
      fail(error.code(), error.what());
    } catch (const std::bad_alloc&) {
      fail("ERR_OUT_OF_MEMORY", "The system has no memory left for this call.");
    } catch (const std::exception& error) {
      fail("ERR_NATIVE", error.what());
    }
  }
  void OnProgress(const double* done, std::size_t count) override {
    if (count == 0 || on_progress_.IsEmpty() || progress_error_) return;
    try {
      on_progress_.Call({Napi::Number::New(Env(), *done)});
    } catch (const Napi::Error& error) {
      progress_error_ = error;
    }
  }
  void OnOK() override {
    try {
      if (progress_error_) throw *progress_error_;
      deferred_.Resolve(convert_(Env(), std::move(*value_)));
    } catch (const Napi::Error& error) {
      deferred_.Reject(error.Value());
    } catch (const Error& error) {
      deferred_.Reject(to_js_error(Env(), error.code(), error.what()).Value());
    } catch (const std::exception& error) {
      deferred_.Reject(to_js_error(Env(), "ERR_NATIVE", error.what()).Value());
    }
  }
  void OnError(const Napi::Error& error) override {
    deferred_.Reject(to_js_error(Env(), code_, error.Message()).Value());
  }

 private:
  AsyncCall(Napi::Env env, Napi::Promise::Deferred deferred, Work work, Convert convert)
      : AsyncProgressWorker(env), deferred_(deferred), work_(std::move(work)), convert_(std::move(convert)) {}

  void fail(const std::string& code, const std::string& message) {
    code_ = code;
    SetError(message);
  }

  Napi::Promise::Deferred deferred_;
  Work work_;
  Convert convert_;
  Napi::FunctionReference on_progress_;
  std::optional<Napi::Error> progress_error_;
  std::optional<Value> value_;
  std::string code_ = "ERR_NATIVE";
};

template <typename Value>
Napi::Promise run_async(Napi::Env env, typename AsyncCall<Value>::Work work,
                        typename AsyncCall<Value>::Convert convert, const Napi::Value& on_progress = {}) {
  return AsyncCall<Value>::run(env, std::move(work), std::move(convert), on_progress);
}

}  // namespace millrace
