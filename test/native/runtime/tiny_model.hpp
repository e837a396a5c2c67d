// A model small enough to be written for one test, and a runtime over it that is driven step by step.
#pragma once
#include <cmath>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "cpu/registry.hpp"
#include "formats/file_builders.hpp"
#include "formats/model_files.hpp"
#include "formats/temp_folder.hpp"
#include "harness.hpp"
#include "runtime/model_runtime.hpp"

namespace millrace::test {

constexpr int kTinyVocab = 64;
// The embedding of this token is NaN, so that the logits of a row that has read it are.
constexpr std::int32_t kPoison = kTinyVocab - 1;

inline ModelSpec tiny_spec() {
  ModelSpec spec;
  spec.architecture = "tiny";
  spec.vocab_size = kTinyVocab;
  spec.hidden_size = 16;
  spec.num_layers = 2;
  spec.num_heads = 4;
  spec.num_kv_heads = 2;
  spec.head_dim = 8;
  spec.ffn_size = 64;
  spec.max_positions = 128;
  spec.norm_epsilon = 1e-6F;
  spec.inverse_frequencies = {1, 0.1F, 0.01F, 0.001F};
  spec.attention_scale = 1 / std::sqrt(8.0F);
  spec.sliding_windows = {0, 0};
  const auto ref = [](const char* name) { return TensorRef{.name = name}; };
  spec.tensors = {.embedding = ref("embedding"),
                  .final_norm = ref("final_norm"),
                  .lm_head = ref("lm_head"),
                  .input_norm = ref("{layer}.input_norm"),
                  .q = ref("{layer}.q"),
                  .k = ref("{layer}.k"),
                  .v = ref("{layer}.v"),
                  .o = ref("{layer}.o"),
                  .post_norm = ref("{layer}.post_norm"),
                  .gate = ref("{layer}.gate"),
                  .up = ref("{layer}.up"),
                  .down = ref("{layer}.down"),
                  .q_bias = {},
                  .k_bias = {},
                  .v_bias = {},
                  .o_bias = {},
                  .q_norm = {},
                  .k_norm = {}};
  return spec;
}

// The tensors of tiny_spec() as a safetensors file, F32: normal numbers, always the same.
inline Bytes tiny_weights() {
  std::mt19937 rng(7);  // std::mt19937 gives the same bits everywhere; what makes floats of them is ours
  ByteWriter data;
  std::string header;
  std::uint64_t offset = 0;
  const auto add = [&](const std::string& name, int rows, int cols) {
    const std::string shape =
        cols == 0 ? std::to_string(rows) : std::to_string(rows) + "," + std::to_string(cols);
    const std::uint64_t count =
        static_cast<std::uint64_t>(rows) * static_cast<std::uint64_t>(std::max(cols, 1));
    for (std::uint64_t i = 0; i < count; ++i) {
      const float number = static_cast<float>(rng() >> 8) / static_cast<float>(1 << 23) - 1;
      const bool poisoned = name == "embedding" && i / 16 == static_cast<std::uint64_t>(kPoison);
      data.number(poisoned ? std::nanf("") : cols == 0 ? 1.0F : number);
    }
    header += std::string(header.empty() ? "{" : ",") + "\"" + name + "\":{\"dtype\":\"F32\",\"shape\":[" +
              shape + "],\"data_offsets\":[" + std::to_string(offset) + "," +
              std::to_string(offset + 4 * count) + "]}";
    offset += 4 * count;
  };
  add("embedding", kTinyVocab, 16);
  add("lm_head", kTinyVocab, 16);
  add("final_norm", 16, 0);
  for (const std::string layer : {"0.", "1."}) {
    add(layer + "input_norm", 16, 0);
    add(layer + "q", 32, 16);
    add(layer + "k", 16, 16);
    add(layer + "v", 16, 16);
    add(layer + "o", 16, 32);
    add(layer + "post_norm", 16, 0);
    add(layer + "gate", 64, 16);
    add(layer + "up", 64, 16);
    add(layer + "down", 16, 64);
  }
  header += "}";
  ByteWriter file;
  file.number(std::uint64_t{header.size()}).raw(header).append(data.bytes());
  return file.bytes();
}

// Greedy, but never the poisonous token.
inline SamplingParams greedy_params() {
  return {.temperature = 0, .bias_ids = {kPoison}, .biases = {-1e6F}};
}

// One row of a step.
struct TinyRow {
  Slot slot;
  std::vector<std::int32_t> tokens;
  std::int32_t position;
  std::int32_t outputs = kSample;
  std::int32_t next = -1;
};

// A step's output, copied.
struct TinyResult {
  std::string error_code;
  std::vector<RowStatus> statuses;
  std::vector<std::vector<std::int32_t>> tokens;  // by row
  StepOutput output;

  // Of a row that sampled.
  [[nodiscard]] std::size_t place(std::size_t row) const {
    return static_cast<std::size_t>(output.token_starts[row]);
  }
};

struct TinyRuntime {
  static constexpr int kMaxLogprobs = 4;

  TinyRuntime() : TinyRuntime({Registry::instance().device("cpu:0", Isa::kScalar)}) {}
  // One stage over these devices.
  explicit TinyRuntime(std::vector<std::shared_ptr<Device>> devices)
      : TinyRuntime(std::vector<DeviceMapEntry>{{0, 2, std::move(devices)}}) {}
  explicit TinyRuntime(std::vector<DeviceMapEntry> device_map, int kv_host_blocks = 0,
                       DType kv_dtype = DType::kF32) {
    const ModelFiles files = open_model_files(folder.write("model.safetensors", tiny_weights()));
    RuntimeOptions options;
    options.spec = tiny_spec();
    options.device_map = std::move(device_map);
    options.kv_dtype = kv_dtype;
    options.kv_blocks = 32;
    options.kv_host_blocks = kv_host_blocks;
    options.limits = {.max_rows = 4,
                      .max_tokens = 64,
                      .max_sequence_tokens = 128,
                      .block_tokens = 16,
                      .max_logprobs = kMaxLogprobs};
    runtime = std::make_unique<ModelRuntime>(files, std::move(options), [](double) {});
    runtime->start([this](StepJob* job) {
      {
        const std::lock_guard lock(mutex);
        done.push_back(job);
      }
      arrived.notify_one();
    });
  }

  // A slot with blocks for 48 tokens.
  Slot open(SamplingParams params = greedy_params(),
            StopRules stop = {.stop_token_ids = {}, .max_tokens = 1000}) {
    const Slot slot = runtime->kv()->open();
    runtime->open_slot(slot, std::move(params), std::move(stop), {}, {});
    runtime->kv()->grow(slot, 48);
    return slot;
  }

  void submit(const std::vector<TinyRow>& rows) {
    std::vector<std::int32_t> slots, starts{0}, tokens, positions, outputs, next;
    for (const TinyRow& row : rows) {
      slots.push_back(row.slot);
      for (const std::int32_t token : row.tokens) tokens.push_back(token);
      starts.push_back(static_cast<std::int32_t>(tokens.size()));
      positions.push_back(row.position);
      outputs.push_back(row.outputs);
      next.push_back(row.next);
    }
    runtime->submit({static_cast<int>(rows.size()), slots, starts, tokens, positions, outputs, next});
  }

  TinyResult wait() {
    std::unique_lock lock(mutex);
    arrived.wait(lock, [this] { return !done.empty(); });
    StepJob* job = done.front();
    done.pop_front();
    TinyResult result{job->error_code, {}, {}, job->output};
    for (std::size_t row = 0; result.error_code.empty() && row < job->rows.size(); ++row) {
      result.statuses.push_back(static_cast<RowStatus>(job->output.statuses[row]));
      const auto first = job->output.tokens.begin();
      result.tokens.emplace_back(first + job->output.token_starts[row],
                                 first + job->output.token_starts[row + 1]);
    }
    runtime->recycle(job);
    return result;
  }

  TinyResult step(const std::vector<TinyRow>& rows) {
    submit(rows);
    return wait();
  }

  TempFolder folder;
  std::mutex mutex;
  std::condition_variable arrived;
  std::deque<StepJob*> done;
  std::unique_ptr<ModelRuntime> runtime;  // last: its thread ends before what it uses
};

}  // namespace millrace::test
