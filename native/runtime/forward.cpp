#include "runtime/forward.hpp"

#include <algorithm>
#include <cstring>
#include <exception>
#include <utility>

#include "core/convert.hpp"

namespace millrace {
namespace {

// Rows of logits for which there is always room: prompts may want some of every token.
constexpr int kLeastLogitRows = 32;

std::size_t index(std::int64_t i) {
  return static_cast<std::size_t>(i);
}

int max_ranks(const ExecutionPlan& plan) {
  std::size_t most = 1;
  for (const Stage& stage : plan.stages) most = std::max(most, stage.ranks.size());
  return static_cast<int>(most);
}

std::vector<Device*> rank_devices(const ExecutionPlan& plan) {
  std::vector<Device*> devices;
  for (const Stage& stage : plan.stages) {
    for (const Rank& rank : stage.ranks) devices.push_back(rank.device.get());
  }
  return devices;
}

// Of activations: F32, F16 or BF16.
void to_floats(const std::byte* from, DType dtype, std::span<float> out) {
  if (dtype == DType::kF32) {
    std::memcpy(out.data(), from, out.size_bytes());
    return;
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto bits = load_unaligned<std::uint16_t>(from + i * sizeof(std::uint16_t));
    out[i] = dtype == DType::kF16 ? f16_to_float(bits) : bf16_to_float(bits);
  }
}

Tensor first_rows(Tensor tensor, int rows) {
  tensor.rows = rows;
  return tensor;
}

}  // namespace

// What one rank works in. Tensors have room for the largest step; `use` narrows them to the batch.
struct Forward::RankState {
  Device* device = nullptr;
  std::vector<std::unique_ptr<Buffer>> buffers;
  Tensor x, normed, qkv, attended, delta, activated;  // (max_tokens, ...)
  Tensor picked, picked_normed, logits;               // (logit_rows_, ...), on the last stage's first rank
  float* inverse_frequencies = nullptr;
  std::int32_t* picked_indices = nullptr;
  std::int32_t* batch_numbers = nullptr;
  int num_heads = 0;
  Batch batch;

  Tensor tensor(int rows, std::int64_t cols) { return tensor(rows, cols, device->activation_dtype()); }
  Tensor tensor(int rows, std::int64_t cols, DType dtype) {
    buffers.push_back(device->allocate(rows * storage_bytes(dtype, cols)));
    return {buffers.back()->data(), rows, static_cast<int>(cols), cols};
  }
  template <typename T>
  T* array(std::int64_t count) {
    buffers.push_back(device->allocate(count * static_cast<std::int64_t>(sizeof(T))));
    return static_cast<T*>(buffers.back()->data());
  }
  void use(int tokens) {
    for (Tensor* t : {&x, &normed, &qkv, &attended, &delta, &activated}) t->rows = tokens;
  }
};

Forward::Forward(const ModelSpec& spec, const ExecutionPlan& plan, const ModelWeights& weights, KvStorage& kv,
                 const StepLimits& limits)
    : spec_(spec),
      plan_(plan),
      weights_(weights),
      kv_(kv),
      limits_(limits),
      exchange_(make_collective(plan)),
      threads_(max_ranks(plan)) {
  const std::vector<Device*> devices = rank_devices(plan);
  for (const Device* device : devices) repeats_ = repeats_ && device->repeats();
  const int rows = repeats_ ? rounded_rows(limits.max_rows) : limits.max_rows;
  const int tokens = std::max(limits.max_tokens, rows);
  largest_ = {rows, tokens, (limits.max_sequence_tokens + limits.block_tokens - 1) / limits.block_tokens,
              tokens};
  logit_rows_ = std::min(devices.back()->most_logit_rows(), std::max(kLeastLogitRows, rows));
  for (const Stage& stage : plan.stages) {
    for (const Rank& rank : stage.ranks) {
      auto state = std::make_unique<RankState>();
      state->device = rank.device.get();
      state->num_heads = rank.kv_heads.size() * (spec.num_heads / spec.num_kv_heads);
      const std::int64_t q_cols = static_cast<std::int64_t>(state->num_heads) * spec.head_dim;
      state->x = state->tensor(tokens, spec.hidden_size);
      state->normed = state->tensor(tokens, spec.hidden_size);
      state->qkv = state->tensor(tokens, q_cols + 2LL * rank.kv_heads.size() * spec.head_dim);
      state->attended = state->tensor(tokens, q_cols);
      state->delta = state->tensor(tokens, spec.hidden_size);
      state->activated = state->tensor(tokens, rank.ffn.size());
      state->batch_numbers = state->array<std::int32_t>(HostBatch::size_of(largest_));
      const auto frequencies = static_cast<std::int64_t>(spec.inverse_frequencies.size());
      state->inverse_frequencies = state->array<float>(frequencies);
      rank.device->copy_to_device(state->inverse_frequencies, spec.inverse_frequencies.data(),
                                  frequencies * static_cast<std::int64_t>(sizeof(float)));
      const bool is_last = &stage == &plan.stages.back() && &rank == &stage.ranks.front();
      if (is_last) {
        state->picked = state->tensor(logit_rows_, spec.hidden_size);
        state->picked_normed = state->tensor(logit_rows_, spec.hidden_size);
        state->logits = state->tensor(logit_rows_, spec.vocab_size, DType::kF32);
        state->picked_indices = state->array<std::int32_t>(logit_rows_);
      }
      workspace_bytes_ += rank.device->prepare({.max_rows = rows,
                                                .max_tokens = tokens,
                                                .max_logit_rows = logit_rows_,
                                                .num_heads = state->num_heads,
                                                .num_kv_heads = rank.kv_heads.size(),
                                                .head_dim = spec.head_dim,
                                                .vocab_size = is_last ? spec.vocab_size : 0,
                                                .max_logprobs = limits.max_logprobs});
      for (const auto& buffer : state->buffers) workspace_bytes_ += buffer->bytes();
      states_.push_back(std::move(state));
    }
  }
  row_indices_.reserve(index(logit_rows_));
  targets_.reserve(index(logit_rows_));
}

Forward::~Forward() = default;

void Forward::run(BlockOp kind, std::span<const BlockCopy> copies) {
  for (const Stage& stage : plan_.stages) {
    for (const Rank& rank : stage.ranks) {
      for (int layer = stage.layers.start; layer < stage.layers.end; ++layer) {
        const KvLayer& kv = kv_.layer(rank, layer);
        switch (kind) {
          case BlockOp::kCopy:
            rank.device->copy_blocks(kv, copies);
            break;
          case BlockOp::kOut:
            rank.device->copy_out(kv, kv_.host_layer(rank, layer), copies);
            break;
          case BlockOp::kIn:
            rank.device->copy_in(kv, kv_.host_layer(rank, layer), copies);
            break;
        }
      }
    }
  }
}

BatchShape Forward::shape_for(const BatchShape& used) const {
  const bool is_decode = used.num_tokens == used.num_rows;
  return repeats_ && is_decode ? rounded_shape(used, largest_.max_blocks) : used;
}

bool Forward::is_repeated(const HostBatch& batch) const {
  return repeats_ && batch.shape().num_tokens == batch.shape().num_rows;
}

void Forward::compute(const HostBatch& batch) {
  has_logits_ = false;
  for (const auto& state : states_) upload_batch(*state, batch);
  for (std::size_t stage = 0; stage < plan_.stages.size(); ++stage) {
    if (stage > 0) hand_over(plan_.stages[stage - 1], plan_.stages[stage]);
    run_stage(stage, batch);
  }
}

void Forward::sample(const HostBatch& batch, std::span<const SampleRow> rows,
                     std::span<SampleResult> results) {
  RankState& last = last_state();
  if (has_logits_) {
    last.device->sample(first_rows(last.logits, static_cast<int>(rows.size())), rows, results);
  } else {
    const auto most = index(logit_rows_);
    for (std::size_t done = 0; done < rows.size(); done += most) {
      const std::size_t count = std::min(most, rows.size() - done);
      const Tensor logits = logits_of(batch.sample_tokens().subspan(done, count));
      last.device->sample(logits, rows.subspan(done, count), results.subspan(done, count));
      last.device->synchronize();
    }
  }
  for (const auto& state : states_) state->device->synchronize();
}

void Forward::run_stage(std::size_t number, const HostBatch& batch) {
  const Stage& stage = plan_.stages[number];
  Device& device = *state_of(stage.ranks.front()).device;
  // Ranks that sum are not recorded: the host's sums cannot be, and recorded sums of cards would have to be
  // replayed by all ranks together and could not be aborted when one of them is lost.
  if (!is_repeated(batch) || stage.ranks.size() > 1) return run_alone(number, batch);
  const BatchShape& shape = batch.shape();
  const std::uint64_t key =
      static_cast<std::uint64_t>(number) << 48U | static_cast<std::uint64_t>(shape.num_rows) << 32U |
      static_cast<std::uint64_t>(shape.max_blocks) << 1U | (shape.num_samples > 0 ? 1U : 0U);
  device.repeat(key, [&] { run_alone(number, batch); });
  // What was repeated left no trace here.
  has_logits_ =
      number + 1 == plan_.stages.size() && shape.num_samples > 0 && shape.num_samples <= logit_rows_;
}

void Forward::run_alone(std::size_t number, const HostBatch& batch) {
  const Stage& stage = plan_.stages[number];
  RankState& first = state_of(stage.ranks.front());
  if (number == 0) first.device->embed(first.batch, *weights_.ranks.front().embedding, first.x);
  if (stage.ranks.size() == 1) {
    run_layers(stage, stage.ranks.front());
  } else {
    if (number == 0) hand_over(stage, stage);
    threads_.run(static_cast<int>(stage.ranks.size()),
                 [&](int rank) { run_layers(stage, stage.ranks[index(rank)]); });
  }
  const int samples = batch.shape().num_samples;
  if (number + 1 < plan_.stages.size() || samples == 0 || samples > logit_rows_) return;
  logits_of(batch.sample_tokens_on_device(first.batch_numbers), samples);
  has_logits_ = true;
}

void Forward::run_layers(const Stage& stage, const Rank& rank) {
  RankState& state = state_of(rank);
  const RankWeights& weights = weights_.ranks[index(rank.index)];
  const int count = static_cast<int>(stage.ranks.size());
  std::exception_ptr failure;
  // Half a layer, then the sum over the ranks. A rank that has failed goes on meeting the others, which would
  // wait for it for ever.
  const auto run_half = [&](const auto& compute) {
    try {
      if (!failure) compute();
    } catch (...) {
      failure = std::current_exception();
    }
    try {
      if (count > 1)
        exchange_.collective->all_reduce(stage.ranks.front().index, count, rank.index, state.delta);
    } catch (...) {
      if (!failure) failure = std::current_exception();
    }
  };
  const Tensor* delta = nullptr;
  for (int layer = stage.layers.start; layer < stage.layers.end; ++layer) {
    const LayerWeights& of_layer = weights.layers[index(layer - stage.layers.start)];
    run_half([&] { run_attention(rank, of_layer, layer, delta); });
    run_half([&] { run_ffn(rank, of_layer); });
    delta = &state.delta;
  }
  if (failure) std::rethrow_exception(failure);
  state.device->add(state.x, state.delta);
}

void Forward::run_attention(const Rank& rank, const LayerWeights& weights, int layer, const Tensor* before) {
  RankState& state = state_of(rank);
  Device& device = *state.device;
  device.norm({state.x, before, weights.input_norm.get(), spec_.norm_epsilon, state.normed});
  device.matmul({state.normed, weights.qkv.get(), weights.qkv_bias.get(), state.qkv});
  const KvLayer& kv = kv_.layer(rank, layer);
  device.rope_store(state.batch,
                    {state.qkv, state.num_heads, weights.q_norm.get(), weights.k_norm.get(),
                     spec_.norm_epsilon, spec_.rope_form, state.inverse_frequencies,
                     static_cast<int>(spec_.inverse_frequencies.size()) * 2, spec_.rope_magnitude, kv});
  device.attention(state.batch, {state.qkv, kv, state.num_heads, spec_.attention_scale,
                                 spec_.sliding_windows[index(layer)], state.attended});
  device.matmul({state.attended, weights.o.get(), weights.o_bias.get(), state.delta});
}

void Forward::run_ffn(const Rank& rank, const LayerWeights& weights) {
  RankState& state = state_of(rank);
  Device& device = *state.device;
  device.norm({state.x, &state.delta, weights.post_norm.get(), spec_.norm_epsilon, state.normed});
  device.matmul({state.normed, weights.gate_up.get(), nullptr, state.activated, spec_.activation});
  device.matmul({state.activated, weights.down.get(), nullptr, state.delta});
}

// Gives the hidden states to every rank of the next stage; within a stage, from its first rank to the rest.
void Forward::hand_over(const Stage& from, const Stage& to) {
  const Rank& source = from.ranks.front();
  for (const Rank& rank : to.ranks) {
    if (rank.index == source.index) continue;
    exchange_.collective->transfer(source.index, state_of(source).x, rank.index, state_of(rank).x);
  }
}

void Forward::upload_batch(RankState& state, const HostBatch& host) {
  const auto numbers = host.numbers();
  state.device->copy_to_device(state.batch_numbers, numbers.data(),
                               static_cast<std::int64_t>(numbers.size_bytes()));
  state.batch = host.on_device(state.batch_numbers, limits_.block_tokens);
  if (is_repeated(host)) state.batch.max_context_tokens = host.shape().max_blocks * limits_.block_tokens;
  state.use(host.shape().num_tokens);
}

Tensor Forward::logits_of(std::span<const std::int32_t> batch_tokens) {
  RankState& state = last_state();
  state.device->copy_to_device(state.picked_indices, batch_tokens.data(),
                               static_cast<std::int64_t>(batch_tokens.size_bytes()));
  return logits_of(state.picked_indices, static_cast<int>(batch_tokens.size()));
}

Tensor Forward::logits_of(const std::int32_t* batch_tokens, int rows) {
  const Rank& rank = plan_.stages.back().ranks.front();
  RankState& state = state_of(rank);
  const RankWeights& weights = weights_.ranks[index(rank.index)];
  const Tensor normed = normed_of(batch_tokens, rows);
  const Tensor logits = first_rows(state.logits, rows);
  const Weight& head = weights.lm_head ? *weights.lm_head : *weights_.ranks.front().embedding;
  state.device->matmul({.x = normed, .weight = &head, .y = logits, .y_is_f32 = true});
  return logits;
}

Tensor Forward::normed_of(const std::int32_t* batch_tokens, int rows) {
  const Rank& rank = plan_.stages.back().ranks.front();
  RankState& state = state_of(rank);
  const RankWeights& weights = weights_.ranks[index(rank.index)];
  const Tensor picked = first_rows(state.picked, rows), normed = first_rows(state.picked_normed, rows);
  state.device->gather_rows(state.x, batch_tokens, picked);
  state.device->norm({picked, nullptr, weights.final_norm.get(), spec_.norm_epsilon, normed});
  return normed;
}

void Forward::read_hidden(std::span<const std::int32_t> batch_tokens, std::span<const int> places,
                          std::span<float> out) {
  RankState& last = last_state();
  const DType dtype = last.device->activation_dtype();
  const auto columns = index(spec_.hidden_size), bytes = index(storage_bytes(dtype, spec_.hidden_size));
  const auto most = index(logit_rows_);
  for (std::size_t done = 0; done < batch_tokens.size(); done += most) {
    const auto chunk = batch_tokens.subspan(done, std::min(most, batch_tokens.size() - done));
    last.device->copy_to_device(last.picked_indices, chunk.data(),
                                static_cast<std::int64_t>(chunk.size_bytes()));
    const Tensor normed = normed_of(last.picked_indices, static_cast<int>(chunk.size()));
    hidden_bytes_.resize(chunk.size() * bytes);
    last.device->copy_to_host(hidden_bytes_.data(), normed.data,
                              static_cast<std::int64_t>(hidden_bytes_.size()));
    last.device->synchronize();
    for (std::size_t i = 0; i < chunk.size(); ++i) {
      to_floats(hidden_bytes_.data() + i * bytes, dtype,
                out.subspan(index(places[done + i]) * columns, columns));
    }
  }
}

void Forward::score_prompt(std::span<const PromptTarget> targets, PromptLogprobs& out) {
  RankState& last = last_state();
  const int stride = limits_.max_logprobs;
  const auto most = index(logit_rows_);
  has_logits_ = has_logits_ && targets.empty();
  for (std::size_t done = 0; done < targets.size(); done += most) {
    const auto chunk = targets.subspan(done, std::min(most, targets.size() - done));
    row_indices_.clear();
    targets_.clear();
    int top = 0;
    for (const PromptTarget& target : chunk) {
      row_indices_.push_back(target.batch_token);
      targets_.push_back(target.target);
      top = std::max(top, target.top);
    }
    const Tensor logits = logits_of(row_indices_);
    last.device->log_probs(logits, targets_, top, out.logprobs.data() + done,
                           out.top_ids.data() + done * index(stride),
                           out.top_logprobs.data() + done * index(stride), stride);
    last.device->synchronize();
  }
}

}  // namespace millrace
