#pragma once
#include <napi.h>

namespace millrace {

// loadModel of src/native/binding.ts.
Napi::Value load_model(const Napi::CallbackInfo& info);

}  // namespace millrace
