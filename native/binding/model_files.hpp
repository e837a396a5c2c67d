#pragma once
#include <napi.h>

namespace millrace {

// readModelFiles and readTensor of src/native/binding.ts.
Napi::Value read_model_files(const Napi::CallbackInfo& info);
Napi::Value read_tensor(const Napi::CallbackInfo& info);

}  // namespace millrace
