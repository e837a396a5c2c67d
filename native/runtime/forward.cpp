#include "runtime/forward.hpp"

#include <algorithm>
#include <exception>
#include <utility>

namespace millrace {
namespace {

// Rows of logits that are in memory at once: 32 rows of a vocabulary of 152k take 19 MB.
constexpr int kLogitRows = 32;

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
  Tensor picked, picked_normed, logits;               // (kLogitRows, ...), on the last stage's first rank
  float* inverse_frequencies = nullptr;
  std::int32_t* picked_indices = nullptr;
  std::int32_t *token_ids = nullptr, *positions = nullptr, *token_rows = nullptr;
  std::int32_t *query_starts = nullptr, *context_lens = nullptr, *block_tables = nullptr;
  int num_heads = 0;
  Batch batch;

  Tensor tensor(int rows, std::int64_t cols) {
    buffers.push_back(device->allocate(rows * cols * device->activation_bytes()));
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
    : spec_(spec), plan_(plan), weights_(weights), kv_(kv), limits_(limits), threads_(max_ranks(plan)) {
  const std::vector<Device*> devices = rank_devices(plan);
  collective_ = make_in_process_collective(devices);
  const int tokens = limits.max_tokens, rows = limits.max_rows;
  const std::int64_t blocks = (limits.max_sequence_tokens + limits.block_tokens - 1) / limits.block_tokens;
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
      state->token_ids = state->array<std::int32_t>(tokens);
      state->positions = state->array<std::int32_t>(tokens);
      state->token_rows = state->array<std::int32_t>(tokens);
      state->query_starts = state->array<std::int32_t>(rows + 1);
      state->context_lens = state->array<std::int32_t>(rows);
      state->block_tables = state->array<std::int32_t>(rows * blocks);
      const auto frequencies = static_cast<std::int64_t>(spec.inverse_frequencies.size());
      state->inverse_frequencies = state->array<float>(frequencies);
      rank.device->copy_to_device(state->inverse_frequencies, spec.inverse_frequencies.data(),
                                  frequencies * static_cast<std::int64_t>(sizeof(float)));
      if (&stage == &plan.stages.back() && &rank == &stage.ranks.front()) {
        state->picked = state->tensor(kLogitRows, spec.hidden_size);
        state->picked_normed = state->tensor(kLogitRows, spec.hidden_size);
        state->logits = state->tensor(kLogitRows, spec.vocab_size);
        state->picked_indices = state->array<std::int32_t>(kLogitRows);
      }
      for (const auto& buffer : state->buffers) workspace_bytes_ += buffer->bytes();
      states_.push_back(std::move(state));
    }
  }
  row_indices_.reserve(kLogitRows);
  targets_.reserve(kLogitRows);
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

void Forward::compute(const HostBatch& batch) {
  for (const auto& state : states_) upload_batch(*state, batch);
  RankState& first = state_of(plan_.stages.front().ranks.front());
  first.device->embed(first.batch, *weights_.ranks.front().embedding, first.x);
  for (std::size_t s = 0; s < plan_.stages.size(); ++s) {
    hand_over(plan_.stages[s == 0 ? 0 : s - 1], plan_.stages[s]);
    run_stage(plan_.stages[s]);
  }
  state_of(plan_.stages.back().ranks.front()).device->synchronize();
}

void Forward::sample(std::span<const std::int32_t> sample_tokens, std::span<const SampleRow> rows,
                     std::span<SampleResult> results) {
  RankState& last = state_of(plan_.stages.back().ranks.front());
  for (std::size_t done = 0; done < rows.size(); done += kLogitRows) {
    const std::size_t count = std::min<std::size_t>(kLogitRows, rows.size() - done);
    const Tensor logits = logits_of(sample_tokens.subspan(done, count));
    last.device->sample(logits, rows.subspan(done, count), results.subspan(done, count));
    last.device->synchronize();
  }
}

void Forward::run_stage(const Stage& stage) {
  if (stage.ranks.size() == 1) return run_layers(stage, stage.ranks.front());
  threads_.run(static_cast<int>(stage.ranks.size()),
               [&](int rank) { run_layers(stage, stage.ranks[index(rank)]); });
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
    if (count > 1) collective_->all_reduce(stage.ranks.front().index, count, rank.index, state.delta);
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
  RankState& have = state_of(source);
  for (const Rank& rank : to.ranks) {
    if (rank.index == source.index) continue;
    have.device->synchronize();
    collective_->transfer(source.index, have.x, rank.index, state_of(rank).x);
  }
}

void Forward::upload_batch(RankState& state, const HostBatch& host) {
  const auto put = [&](std::int32_t* to, const std::vector<std::int32_t>& from, std::int64_t count) {
    state.device->copy_to_device(to, from.data(), count * static_cast<std::int64_t>(sizeof(std::int32_t)));
  };
  put(state.token_ids, host.token_ids, host.num_tokens);
  put(state.positions, host.positions, host.num_tokens);
  put(state.token_rows, host.token_rows, host.num_tokens);
  put(state.query_starts, host.query_starts, host.num_rows + 1);
  put(state.context_lens, host.context_lens, host.num_rows);
  put(state.block_tables, host.block_tables, static_cast<std::int64_t>(host.num_rows) * host.max_blocks);
  state.batch = {host.num_rows,      host.num_tokens,   host.max_blocks,  limits_.block_tokens,
                 state.token_ids,    state.positions,   state.token_rows, state.query_starts,
                 state.context_lens, state.block_tables};
  state.use(host.num_tokens);
}

Tensor Forward::logits_of(std::span<const std::int32_t> batch_tokens) {
  const Rank& rank = plan_.stages.back().ranks.front();
  RankState& state = state_of(rank);
  const RankWeights& weights = weights_.ranks[index(rank.index)];
  const int rows = static_cast<int>(batch_tokens.size());
  state.device->copy_to_device(state.picked_indices, batch_tokens.data(),
                               static_cast<std::int64_t>(batch_tokens.size_bytes()));
  const Tensor picked = first_rows(state.picked, rows), normed = first_rows(state.picked_normed, rows);
  const Tensor logits = first_rows(state.logits, rows);
  state.device->gather_rows(state.x, state.picked_indices, picked);
  state.device->norm({picked, nullptr, weights.final_norm.get(), spec_.norm_epsilon, normed});
  const Weight& head = weights.lm_head ? *weights.lm_head : *weights_.ranks.front().embedding;
  state.device->matmul({normed, &head, nullptr, logits});
  return logits;
}

void Forward::score_prompt(std::span<const PromptTarget> targets, PromptLogprobs& out) {
  RankState& last = state_of(plan_.stages.back().ranks.front());
  const int stride = limits_.max_logprobs;
  for (std::size_t done = 0; done < targets.size(); done += kLogitRows) {
    const auto chunk = targets.subspan(done, std::min<std::size_t>(kLogitRows, targets.size() - done));
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
