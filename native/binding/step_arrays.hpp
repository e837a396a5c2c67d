#pragma once
#include <napi.h>

#include "runtime/step.hpp"

namespace millrace {

// StepInput and StepOutput of src/core/step-arrays.ts, one buffer each, as the runtime's types.

// A view of the caller's buffer: valid until JavaScript runs again. Throws ERR_INVALID_ARGUMENT unless it has
// the size that the limits give.
StepInput read_step_input(int num_rows, const Napi::Value& buffer, const StepLimits& limits);
// Throws ERR_INVALID_ARGUMENT unless it is a buffer of the size that the limits give.
Napi::ArrayBuffer step_output_buffer(const Napi::Value& value, const StepLimits& limits);
// Leaves a buffer alone that JavaScript has given away meanwhile.
void write_step_output(const StepJob& job, const StepLimits& limits, Napi::ArrayBuffer buffer);

}  // namespace millrace
