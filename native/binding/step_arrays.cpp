#include "binding/step_arrays.hpp"

#include <algorithm>

#include "binding/arguments.hpp"

namespace millrace {
namespace {

// JavaScript may have detached or shrunk an array since check_step_output: what no longer fits is left out.
template <typename Array, typename Element>
void put(const Napi::Object& output, const char* field, const std::vector<Element>& from, std::size_t count) {
  const Napi::Value value = output.Get(field);
  if (!value.IsTypedArray()) return;
  auto to = value.As<Array>();
  std::copy_n(from.data(), std::min(count, to.ElementLength()), to.Data());
}

}  // namespace

StepInput read_step_input(const Napi::Object& input) {
  StepInput step;
  step.num_rows = static_cast<int>(int_field(input, "numRows", 0, 1 << 30));
  step.slots = int32_view(input.Get("slots"), "slots");
  step.query_starts = int32_view(input.Get("queryStarts"), "queryStarts");
  step.token_ids = int32_view(input.Get("tokenIds"), "tokenIds");
  step.positions = int32_view(input.Get("positions"), "positions");
  step.outputs = int32_view(input.Get("outputs"), "outputs");
  step.next_token_ids = int32_view(input.Get("nextTokenIds"), "nextTokenIds");
  return step;
}

void check_step_output(const Napi::Object& output, const StepLimits& limits) {
  const auto rows = static_cast<std::size_t>(limits.max_rows),
             tokens = static_cast<std::size_t>(limits.max_tokens);
  const auto top = static_cast<std::size_t>(limits.max_logprobs);
  int32_view(output.Get("tokenStarts"), "tokenStarts", rows + 1);
  int32_view(output.Get("tokens"), "tokens", rows);
  int32_view(output.Get("statuses"), "statuses", rows);
  float32_view(output.Get("logprobs"), "logprobs", rows);
  int32_view(output.Get("topIds"), "topIds", rows * top);
  float32_view(output.Get("topLogprobs"), "topLogprobs", rows * top);
  float32_view(output.Get("promptLogprobs"), "promptLogprobs", tokens);
  int32_view(output.Get("promptTopIds"), "promptTopIds", tokens * top);
  float32_view(output.Get("promptTopLogprobs"), "promptTopLogprobs", tokens * top);
  const Napi::Value timing = output.Get("timing");
  if (!timing.IsTypedArray() || timing.As<Napi::TypedArray>().TypedArrayType() != napi_float64_array ||
      timing.As<Napi::TypedArray>().ElementLength() < 3) {
    refuse_argument("timing", "must be a Float64Array of 3");
  }
}

void write_step_output(const StepJob& job, const StepLimits& limits, const Napi::Object& output) {
  const StepOutput& from = job.output;
  const std::size_t rows = job.rows.size(), top = static_cast<std::size_t>(limits.max_logprobs);
  put<Napi::Int32Array>(output, "tokenStarts", from.token_starts, rows + 1);
  put<Napi::Int32Array>(output, "tokens", from.tokens, rows);
  put<Napi::Int32Array>(output, "statuses", from.statuses, rows);
  put<Napi::Float32Array>(output, "logprobs", from.logprobs, rows);
  put<Napi::Int32Array>(output, "topIds", from.top_ids, rows * top);
  put<Napi::Float32Array>(output, "topLogprobs", from.top_logprobs, rows * top);
  if (job.any_prompt_logprobs) {
    const std::size_t tokens = job.token_ids.size();
    put<Napi::Float32Array>(output, "promptLogprobs", from.prompt_logprobs, tokens);
    put<Napi::Int32Array>(output, "promptTopIds", from.prompt_top_ids, tokens * top);
    put<Napi::Float32Array>(output, "promptTopLogprobs", from.prompt_top_logprobs, tokens * top);
  }
  put<Napi::Float64Array>(output, "timing", std::vector<double>{from.start_ms, from.end_ms, from.idle_ms}, 3);
}

}  // namespace millrace
