#pragma once
#include <napi.h>

namespace millrace {

// What belongs to one JavaScript environment (the main thread or one worker); nothing is static.
struct Instance {
  Napi::FunctionReference kv_pool;  // constructors
  Napi::FunctionReference model;

  static Instance& of(Napi::Env env) { return *env.GetInstanceData<Instance>(); }
};

}  // namespace millrace
