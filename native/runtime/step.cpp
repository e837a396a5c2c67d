#include "runtime/step.hpp"

#include <algorithm>
#include <chrono>
#include <limits>

namespace millrace {
namespace {

std::size_t index(std::int64_t i) {
  return static_cast<std::size_t>(i);
}

// Grammars that take longer than this for a step's masks fail their own rows, so that they cannot stop the
// others.
constexpr std::chrono::seconds kMaskTimeout{2};

// Of a row whose token is not used.
const SamplingParams kAnyToken{.temperature = 0};

constexpr float kNoLogprob = std::numeric_limits<float>::quiet_NaN();

}  // namespace

void StepJob::fail(const std::string& code, const std::string& message) {
  error_code = code;
  error_message = message;
  for (const StepRow& row : rows) row.slot->finished = true;
}

StepRunner::StepRunner(Forward& forward, const StepLimits& limits, int vocab_size)
    : forward_(forward), limits_(limits), mask_words_((vocab_size + 31) / 32) {
  forward_.reserve(batch_);
  active_.reserve(index(limits.max_rows));
  places_.reserve(index(limits.max_samples()));
}

void StepRunner::run(StepJob& job) {
  StepOutput& out = job.output;
  std::fill_n(out.statuses.begin(), job.rows.size(), static_cast<std::int32_t>(RowStatus::kSkipped));
  out.hidden.assign(index(job.num_hidden) * index(forward_.hidden_size()), 0);
  run_block_ops(job);
  gather_rows(job);
  if (!active_.empty()) {
    forward_.compute(batch_);
    for (const ActiveRow& active : active_)
      out.statuses[index(active.row)] = static_cast<std::int32_t>(RowStatus::kRunning);
    if (job.any_prompt_logprobs) score_prompt(job);
    if (job.num_hidden > 0) read_hidden(job);
    sample(job);
  } else {
    places_.clear();
  }
  int tokens = 0;
  std::size_t sample = 0;
  for (std::size_t row = 0; row < job.rows.size(); ++row) {
    out.token_starts[row] = tokens;
    const std::size_t first = sample;
    while (sample < places_.size() && places_[sample].row == static_cast<int>(row)) ++sample;
    tokens = finish_row(job, first, sample, tokens);
  }
  out.token_starts[job.rows.size()] = tokens;
}

// An operation that fails fails its step and is the first of the next one: sequences without a row in this
// step depend on it, those above all that are swapped out.
void StepRunner::run_block_ops(StepJob& job) {
  block_ops_.append(job.block_ops);
  block_ops_.run([this](BlockOp kind, std::span<const BlockCopy> copies) { forward_.run(kind, copies); });
}

// Leaves out the rows whose sequence has ended since the step was queued.
void StepRunner::gather_rows(const StepJob& job) {
  active_.clear();
  places_.clear();
  BatchShape shape;
  batch_.max_query_tokens = batch_.max_context_tokens = 0;
  for (std::size_t row = 0; row < job.rows.size(); ++row) {
    const StepRow& step_row = job.rows[row];
    const SlotState& slot = *step_row.slot;
    if (slot.closed.load(std::memory_order_acquire) || slot.finished) continue;
    // A placeholder without a sampled token to stand for: the row that should have sampled it was skipped.
    if (job.token_ids[index(step_row.first_token)] < 0 && slot.last_token < 0) continue;
    active_.push_back({static_cast<int>(row), shape.num_tokens});
    if ((step_row.outputs & kSample) != 0) {
      const int first = (step_row.outputs & kVerify) != 0 ? 0 : step_row.num_tokens - 1;
      for (int token = first; token < step_row.num_tokens; ++token)
        places_.push_back({static_cast<int>(row), token});
    }
    shape.num_tokens += step_row.num_tokens;
    shape.max_blocks = std::max(shape.max_blocks, step_row.table_size);
    batch_.max_query_tokens = std::max(batch_.max_query_tokens, step_row.num_tokens);
    batch_.max_context_tokens = std::max(batch_.max_context_tokens, step_row.position + step_row.num_tokens);
  }
  shape.num_rows = static_cast<int>(active_.size());
  shape.num_samples = static_cast<int>(places_.size());
  if (shape.num_rows == 0) return;
  batch_.reset(shape, forward_.shape_for(shape));
  fill_batch(job);
}

void StepRunner::fill_batch(const StepJob& job) {
  prompt_targets_.clear();
  prompt_places_.clear();
  std::size_t place = 0;
  for (std::size_t i = 0; i < active_.size(); ++i) {
    const ActiveRow& active = active_[i];
    const StepRow& row = job.rows[index(active.row)];
    const auto first = index(active.first_batch_token), count = index(row.num_tokens);
    for (std::size_t t = 0; t < count; ++t) {
      const std::int32_t id = job.token_ids[index(row.first_token) + t];
      batch_.token_ids()[first + t] = id >= 0 ? id : row.slot->last_token;
      batch_.positions()[first + t] = row.position + static_cast<std::int32_t>(t);
      batch_.token_rows()[first + t] = static_cast<std::int32_t>(i);
    }
    batch_.query_starts()[i + 1] = static_cast<std::int32_t>(first + count);
    batch_.context_lens()[i] = row.position + row.num_tokens;
    std::copy_n(job.tables.begin() + row.table_start, row.table_size,
                batch_.block_tables().begin() + static_cast<std::ptrdiff_t>(i) * batch_.shape().max_blocks);
    for (; place < places_.size() && places_[place].row == active.row; ++place)
      batch_.sample_tokens()[place] = active.first_batch_token + places_[place].token;
    if ((row.outputs & kPromptLogprobs) != 0) add_prompt_targets(job, active.row, active.first_batch_token);
  }
}

void StepRunner::add_prompt_targets(const StepJob& job, int row, int first_batch_token) {
  const StepRow& step_row = job.rows[index(row)];
  for (int i = 0; i < step_row.num_tokens; ++i) {
    const bool last = i + 1 == step_row.num_tokens;
    const std::int32_t target =
        last ? step_row.next_token : job.token_ids[index(step_row.first_token + i + 1)];
    if (target < 0) continue;
    prompt_targets_.push_back({first_batch_token + i, target, step_row.slot->params.top_logprobs});
    prompt_places_.push_back(step_row.first_token + i);
  }
}

void StepRunner::score_prompt(StepJob& job) {
  StepOutput& out = job.output;
  const auto top = index(limits_.max_logprobs);
  std::fill_n(out.prompt_logprobs.begin(), job.token_ids.size(), kNoLogprob);
  std::fill_n(out.prompt_top_ids.begin(), job.token_ids.size() * top, -1);
  prompt_.logprobs.resize(prompt_targets_.size());
  prompt_.top_ids.assign(prompt_targets_.size() * top, -1);
  prompt_.top_logprobs.resize(prompt_targets_.size() * top);
  forward_.score_prompt(prompt_targets_, prompt_);
  for (std::size_t i = 0; i < prompt_targets_.size(); ++i) {
    const auto place = index(prompt_places_[i]);
    const auto count = index(prompt_targets_[i].top);
    out.prompt_logprobs[place] = prompt_.logprobs[i];
    std::copy_n(prompt_.top_ids.begin() + static_cast<std::ptrdiff_t>(i * top), count,
                out.prompt_top_ids.begin() + static_cast<std::ptrdiff_t>(place * top));
    std::copy_n(prompt_.top_logprobs.begin() + static_cast<std::ptrdiff_t>(i * top), count,
                out.prompt_top_logprobs.begin() + static_cast<std::ptrdiff_t>(place * top));
  }
}

void StepRunner::read_hidden(StepJob& job) {
  hidden_tokens_.clear();
  hidden_places_.clear();
  int place = 0;
  auto active = active_.begin();
  for (int row = 0; row < static_cast<int>(job.rows.size()); ++row) {
    const bool runs = active != active_.end() && active->row == row;
    const StepRow& step_row = job.rows[index(row)];
    if ((step_row.outputs & kHidden) != 0) {
      if (runs) {
        hidden_tokens_.push_back(active->first_batch_token + step_row.num_tokens - 1);
        hidden_places_.push_back(place);
      }
      ++place;
    }
    if (runs) ++active;
  }
  forward_.read_hidden(hidden_tokens_, hidden_places_, job.output.hidden);
}

void StepRunner::sample(StepJob& job) {
  StepOutput& out = job.output;
  samples_.clear();
  results_.clear();
  masks_.clear();
  masks_.reserve(active_.size());  // rows keep pointers to the masks
  const auto top = index(limits_.max_logprobs);
  const auto mask_deadline = std::chrono::steady_clock::now() + kMaskTimeout;
  for (std::size_t i = 0; i < places_.size(); ++i) {
    const auto [row_index, token] = places_[i];
    const StepRow& row = job.rows[index(row_index)];
    SlotState& slot = *row.slot;
    SampleRow& sample = samples_.emplace_back();
    SampleResult& result = results_.emplace_back();
    if ((row.outputs & kAwaitMask) != 0) {
      std::optional<std::vector<std::int32_t>> mask = slot.mask.take(mask_deadline);
      if (!mask || mask->size() != index(mask_words_)) {
        sample.params = &kAnyToken;  // a place in the batch all the same
        continue;
      }
      masks_.push_back(std::move(*mask));
      sample.mask = masks_.back().data();
    }
    sample.params = &slot.params;
    sample.counts = slot.params.has_penalties() ? &slot.counts : nullptr;
    // Of the places of a row that verifies, all but the first come after tokens that may turn out as drafted.
    const int drafted = (row.outputs & kVerify) != 0 ? token : 0;
    if (slot.sampled + drafted < slot.stop.min_tokens) sample.banned = slot.stop.stop_token_ids;
    sample.position = row.position + token + 1;
    sample.want_logprobs = (row.outputs & kLogprobs) != 0;
    // Where the output has them in the end is not further on: each place gives one token at most.
    result.top_ids = out.top_ids.data() + i * top;
    result.top_logprobs = out.top_logprobs.data() + i * top;
    std::fill_n(result.top_ids, top, -1);
  }
  forward_.sample(batch_, samples_, results_);
}

int StepRunner::finish_row(StepJob& job, std::size_t first_sample, std::size_t end_sample, int tokens) {
  for (std::size_t i = first_sample; i < end_sample; ++i) {
    const StepRow& row = job.rows[index(places_[i].row)];
    const RowStatus status = take_token(job, i, tokens);
    job.output.statuses[index(places_[i].row)] = static_cast<std::int32_t>(status);
    if (static_cast<int>(status) < 0) break;
    ++tokens;
    // Where the draft was wrong, nothing after it holds.
    if (status != RowStatus::kRunning || i + 1 == end_sample) break;
    if (job.token_ids[index(row.first_token + places_[i + 1].token)] != results_[i].token) break;
  }
  return tokens;
}

RowStatus StepRunner::take_token(StepJob& job, std::size_t sample, int place) {
  SlotState& slot = *job.rows[index(places_[sample].row)].slot;
  const SampleResult& result = results_[sample];
  if (samples_[sample].params == &kAnyToken || result.status != SampleStatus::kOk) {
    slot.finished = true;
    return result.status == SampleStatus::kBadLogits ? RowStatus::kBadLogits : RowStatus::kBadMask;
  }
  StepOutput& out = job.output;
  bool stopped = false;
  RowStatus status = RowStatus::kRunning;
  if (slot.accept(result.token, stopped)) status = stopped ? RowStatus::kStop : RowStatus::kLength;
  out.tokens[index(place)] = result.token;
  out.logprobs[index(place)] = samples_[sample].want_logprobs ? result.logprob : kNoLogprob;
  // Places without a token leave no hole.
  if (place < static_cast<int>(sample)) {
    const auto top = static_cast<std::ptrdiff_t>(limits_.max_logprobs);
    const auto from = static_cast<std::ptrdiff_t>(sample) * top;
    std::copy_n(out.top_ids.begin() + from, top, out.top_ids.begin() + place * top);
    std::copy_n(out.top_logprobs.begin() + from, top, out.top_logprobs.begin() + place * top);
  }
  return status;
}

}  // namespace millrace
