#pragma once
#include <napi.h>

#include "runtime/step.hpp"

namespace millrace {

// StepInput and StepOutput of src/native/binding.ts as the runtime's types.

// Views of the caller's arrays: valid until JavaScript runs again.
StepInput read_step_input(const Napi::Object& input);
// Throws ERR_INVALID_ARGUMENT unless every array has room for the largest step.
void check_step_output(const Napi::Object& output, const StepLimits& limits);
void write_step_output(const StepJob& job, const StepLimits& limits, const Napi::Object& output);

}  // namespace millrace
