#include "binding/step_arrays.hpp"

#include <algorithm>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "binding/arguments.hpp"

namespace millrace {
namespace {

constexpr std::size_t kInt = 4, kTimes = 4;

std::size_t size(int limit) {
  return static_cast<std::size_t>(limit);
}

std::size_t input_bytes(const StepLimits& limits) {
  return kInt * (5 * size(limits.max_rows) + 1 + size(limits.max_tokens));
}

std::size_t output_bytes(const StepLimits& limits) {
  const std::size_t rows = size(limits.max_rows), tokens = size(limits.max_tokens);
  const std::size_t samples = size(limits.max_samples());
  return kTimes * sizeof(double) +
         kInt * (2 * rows + 1 + 2 * samples + tokens + 2 * (samples + tokens) * size(limits.max_logprobs));
}

Napi::ArrayBuffer buffer_of(const Napi::Value& value, const char* name, std::size_t bytes) {
  if (!value.IsArrayBuffer()) refuse_argument(name, "must be an ArrayBuffer");
  auto buffer = value.As<Napi::ArrayBuffer>();
  if (buffer.ByteLength() != bytes) {
    refuse_argument(name, "has " + std::to_string(buffer.ByteLength()) + " bytes; those of this model have " +
                              std::to_string(bytes));
  }
  return buffer;
}

// Writes one array after the other, each from its beginning on.
class Writer {
 public:
  explicit Writer(void* to) : at_(static_cast<std::byte*>(to)) {}
  // `count` of the `length` elements that the array has.
  template <typename Element>
  void put(const std::vector<Element>& from, std::size_t count, std::size_t length) {
    std::memcpy(at_, from.data(), count * sizeof(Element));
    at_ += length * sizeof(Element);
  }

 private:
  std::byte* at_;
};

}  // namespace

StepInput read_step_input(int num_rows, const Napi::Value& value, const StepLimits& limits) {
  const auto* at = static_cast<const std::int32_t*>(buffer_of(value, "input", input_bytes(limits)).Data());
  const auto take = [&](std::size_t length) {
    const std::span<const std::int32_t> view(at, length);
    at += length;
    return view;
  };
  const std::size_t rows = size(limits.max_rows);
  StepInput step;
  step.num_rows = num_rows;
  step.slots = take(rows);
  step.query_starts = take(rows + 1);
  step.positions = take(rows);
  step.outputs = take(rows);
  step.next_token_ids = take(rows);
  step.token_ids = take(size(limits.max_tokens));
  return step;
}

Napi::ArrayBuffer step_output_buffer(const Napi::Value& value, const StepLimits& limits) {
  return buffer_of(value, "output", output_bytes(limits));
}

void write_step_output(const StepJob& job, const StepLimits& limits, Napi::ArrayBuffer buffer) {
  if (buffer.ByteLength() != output_bytes(limits)) return;
  const StepOutput& from = job.output;
  const double times[kTimes] = {from.start_ms, from.end_ms, from.idle_ms, from.hand_out_ms};
  std::memcpy(buffer.Data(), times, sizeof times);
  Writer writer(static_cast<std::byte*>(buffer.Data()) + sizeof times);
  const std::size_t max_rows = size(limits.max_rows), max_tokens = size(limits.max_tokens);
  const std::size_t top = size(limits.max_logprobs), rows = job.rows.size();
  const std::size_t max_samples = size(limits.max_samples()), sampled = size(from.token_starts[rows]);
  const std::size_t scored = job.any_logprobs ? sampled : 0;
  const std::size_t scored_tokens = job.any_prompt_logprobs ? job.token_ids.size() : 0;
  writer.put(from.token_starts, rows + 1, max_rows + 1);
  writer.put(from.tokens, sampled, max_samples);
  writer.put(from.statuses, rows, max_rows);
  writer.put(from.logprobs, sampled, max_samples);
  writer.put(from.top_ids, scored * top, max_samples * top);
  writer.put(from.top_logprobs, scored * top, max_samples * top);
  writer.put(from.prompt_logprobs, scored_tokens, max_tokens);
  writer.put(from.prompt_top_ids, scored_tokens * top, max_tokens * top);
  writer.put(from.prompt_top_logprobs, scored_tokens * top, max_tokens * top);
}

}  // namespace millrace
