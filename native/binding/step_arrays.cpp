#include "binding/step_arrays.hpp"

#include <algorithm>
#include <span>
#include <type_traits>
#include <vector>

#include "binding/arguments.hpp"

namespace millrace {
namespace {

template <typename Element>
constexpr napi_typedarray_type kArrayType = std::is_same_v<Element, std::int32_t> ? napi_int32_array
                                            : std::is_same_v<Element, float>      ? napi_float32_array
                                                                                  : napi_float64_array;

// JavaScript may have detached, shrunk or exchanged an array since check_step_output: what no longer fits is
// left out.
template <typename Element>
void put(const Napi::Object& output, const char* field, std::span<const Element> from) {
  const Napi::Value value = output.Get(field);
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != kArrayType<Element>) return;
  auto to = value.As<Napi::TypedArrayOf<Element>>();
  std::copy_n(from.data(), std::min(from.size(), to.ElementLength()), to.Data());
}

template <typename Element>
void put(const Napi::Object& output, const char* field, const std::vector<Element>& from, std::size_t count) {
  put(output, field, std::span(from).first(count));
}

}  // namespace

StepInput read_step_input(const Napi::Object& input) {
  StepInput step;
  step.num_rows = static_cast<int>(int_field(input, "numRows", 0, 1 << 30));
  // All fields first: a getter may run JavaScript, which ends the life of a view.
  const Napi::Value slots = input.Get("slots"), query_starts = input.Get("queryStarts");
  const Napi::Value token_ids = input.Get("tokenIds"), positions = input.Get("positions");
  const Napi::Value outputs = input.Get("outputs"), next_token_ids = input.Get("nextTokenIds");
  step.slots = int32_view(slots, "slots");
  step.query_starts = int32_view(query_starts, "queryStarts");
  step.token_ids = int32_view(token_ids, "tokenIds");
  step.positions = int32_view(positions, "positions");
  step.outputs = int32_view(outputs, "outputs");
  step.next_token_ids = int32_view(next_token_ids, "nextTokenIds");
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
  put(output, "tokenStarts", from.token_starts, rows + 1);
  put(output, "tokens", from.tokens, rows);
  put(output, "statuses", from.statuses, rows);
  put(output, "logprobs", from.logprobs, rows);
  put(output, "topIds", from.top_ids, rows * top);
  put(output, "topLogprobs", from.top_logprobs, rows * top);
  if (job.any_prompt_logprobs) {
    const std::size_t tokens = job.token_ids.size();
    put(output, "promptLogprobs", from.prompt_logprobs, tokens);
    put(output, "promptTopIds", from.prompt_top_ids, tokens * top);
    put(output, "promptTopLogprobs", from.prompt_top_logprobs, tokens * top);
  }
  const double timing[] = {from.start_ms, from.end_ms, from.idle_ms};
  put(output, "timing", std::span<const double>(timing));
}

}  // namespace millrace
