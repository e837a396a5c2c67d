#include "device/logit_reader.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>

#include "core/error.hpp"
#include "device/sample_row.hpp"
#include "kernels/sampling.hpp"

namespace millrace::gpu {
namespace {

constexpr std::int64_t kAlignment = 256;

std::int64_t aligned(std::int64_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

// Where the arrays of the results lie: (rows,) results, (rows, top) ids, (rows, top) log-probabilities.
struct ResultLayout {
  std::int64_t ids, logprobs, bytes;

  ResultLayout(std::int64_t rows, std::int64_t top)
      : ids(aligned(rows * static_cast<std::int64_t>(sizeof(CardSampleResult)))),
        logprobs(ids + aligned(rows * top * 4)),
        bytes(logprobs + aligned(rows * top * 4)) {}
};

// The same for what is asked for.
struct WishLayout {
  std::int64_t counts, bias_ids, biases, banned, masks, bytes;

  WishLayout(std::int64_t rows, std::int64_t num_counts, std::int64_t num_biases, std::int64_t num_banned,
             std::int64_t mask_words)
      : counts(aligned(rows * static_cast<std::int64_t>(sizeof(CardSampleRow)))),
        bias_ids(counts + aligned(num_counts * static_cast<std::int64_t>(sizeof(CardTokenCount)))),
        biases(bias_ids + aligned(num_biases * 4)),
        banned(biases + aligned(num_biases * 4)),
        masks(banned + aligned(num_banned * 4)),
        bytes(masks + aligned(mask_words * 4)) {}
};

// Appends to one of the arrays.
template <typename T>
std::int32_t append(std::byte* array, std::int32_t& used, const T* values, std::int32_t count) {
  const std::int32_t start = used;
  if (count > 0) {
    std::memcpy(array + static_cast<std::int64_t>(start) * static_cast<std::int64_t>(sizeof(T)), values,
                static_cast<std::size_t>(count) * sizeof(T));
  }
  used += count;
  return start;
}

}  // namespace

std::int64_t LogitReader::workspace_bytes(int max_rows, int vocab) {
  return std::max(sample_workspace_bytes(max_rows, vocab), log_prob_workspace_bytes(max_rows, vocab));
}

std::int64_t LogitReader::reserve(int max_rows, int vocab, int max_logprobs) {
  if (max_logprobs > kMostTopLogprobs) {
    throw Error("ERR_INVALID_PARAMETER", "maxLogprobs is " + std::to_string(max_logprobs) +
                                             "; a cuda device has at most " +
                                             std::to_string(kMostTopLogprobs));
  }
  max_rows_ = max_rows;
  max_logprobs_ = std::max(1, max_logprobs);
  result_bytes_ = ResultLayout(max_rows_, max_logprobs_).bytes;
  results_ = CardMemory(result_bytes_);
  found_.resize(static_cast<std::size_t>(result_bytes_));
  waiting_tops_.resize(static_cast<std::size_t>(max_rows));
  constexpr std::int64_t kListed = 1024;  // of tokens a row, that are counted
  wishes_ =
      CardMemory(WishLayout(max_rows, max_rows * kListed, 0, 0, max_rows * ((vocab + 31LL) / 32)).bytes);
  return results_.bytes() + wishes_.bytes();
}

void LogitReader::make_room(std::int64_t bytes) {
  if (bytes <= wishes_.bytes()) return;
  stream_.synchronize();  // what reads the old memory has ended
  copies_.finish();
  wishes_ = CardMemory(bytes + bytes / 2);
}

void LogitReader::sample(const MillraceTensor& logits, const MillraceSampleRow* rows,
                         MillraceSampleResult* results, void* workspace) {
  const std::int32_t mask_words = (logits.cols + 31) / 32;
  std::int64_t num_counts = 0, num_biases = 0, num_banned = 0, num_masks = 0;
  for (int i = 0; i < logits.rows; ++i) {
    num_counts += rows[i].num_counts;
    num_biases += rows[i].num_biases;
    num_banned += rows[i].num_banned;
    num_masks += rows[i].mask != nullptr ? 1 : 0;
  }
  const WishLayout layout(logits.rows, num_counts, num_biases, num_banned, num_masks * mask_words);
  make_room(layout.bytes);
  blob_.resize(static_cast<std::size_t>(layout.bytes));
  std::byte* const blob = blob_.data();
  std::int32_t counts = 0, bias_ids = 0, biases = 0, banned = 0, masks = 0;
  std::int32_t slots = 0;
  launch_ends_.clear();
  for (int i = 0; i < logits.rows; ++i) {
    const MillraceSampleRow& row = rows[i];
    CardSampleRow card = card_sample_row(row);
    card.counts_start = counts;
    for (int c = 0; c < row.num_counts; ++c) {
      const CardTokenCount count{row.counts[c].token, row.counts[c].in_output};
      append(blob + layout.counts, counts, &count, 1);
    }
    card.biases_start = append(blob + layout.bias_ids, bias_ids, row.bias_ids, row.num_biases);
    append(blob + layout.biases, biases, row.biases, row.num_biases);
    card.banned_start = append(blob + layout.banned, banned, row.banned, row.num_banned);
    card.mask_start = row.mask == nullptr ? -1 : append(blob + layout.masks, masks, row.mask, mask_words);
    if (keeps_logits(card)) {
      if (slots == kMostScoreRows) {
        launch_ends_.push_back(i);
        slots = 0;
      }
      card.score_slot = slots++;
    }
    std::memcpy(blob + static_cast<std::size_t>(i) * sizeof card, &card, sizeof card);
    waiting_tops_[static_cast<std::size_t>(i)] = card.top_logprobs;
  }
  launch_ends_.push_back(logits.rows);
  auto* wishes = static_cast<std::byte*>(wishes_.data());
  copies_.to_device(wishes, blob, layout.bytes);

  const ResultLayout found(max_rows_, max_logprobs_);
  auto* memory = static_cast<std::byte*>(results_.data());
  SampleParams params{};
  params.logits = static_cast<float*>(logits.data);
  params.stride = logits.stride;
  params.vocab = logits.cols;
  params.sample_rows = reinterpret_cast<const CardSampleRow*>(wishes);
  params.counts = reinterpret_cast<const CardTokenCount*>(wishes + layout.counts);
  params.bias_ids = reinterpret_cast<const std::int32_t*>(wishes + layout.bias_ids);
  params.biases = reinterpret_cast<const float*>(wishes + layout.biases);
  params.banned = reinterpret_cast<const std::int32_t*>(wishes + layout.banned);
  params.masks = reinterpret_cast<const std::int32_t*>(wishes + layout.masks);
  params.results = reinterpret_cast<CardSampleResult*>(memory);
  params.top_ids = reinterpret_cast<std::int32_t*>(memory + found.ids);
  params.top_logprobs = reinterpret_cast<float*>(memory + found.logprobs);
  params.top_stride = max_logprobs_;
  params.workspace = workspace;
  int start = 0;
  for (const int end : launch_ends_) {
    SampleParams part = params;
    part.logits += start * part.stride;
    part.rows = end - start;
    part.sample_rows += start;
    part.results += start;
    part.top_ids += std::int64_t{start} * part.top_stride;
    part.top_logprobs += std::int64_t{start} * part.top_stride;
    launch_sample(stream_, part);
    start = end;
  }
  copies_.to_host(found_.data(), memory, result_bytes_);
  waiting_ = results;
  waiting_rows_ = logits.rows;
}

void LogitReader::finish() {
  const ResultLayout layout(max_rows_, max_logprobs_);
  for (int i = 0; i < waiting_rows_; ++i) {
    const auto row = static_cast<std::size_t>(i);
    CardSampleResult found{};
    std::memcpy(&found, found_.data() + row * sizeof found, sizeof found);
    MillraceSampleResult& result = waiting_[i];
    result.status = found.status;
    result.token = found.token;
    result.logprob = found.logprob;
    const auto bytes = static_cast<std::size_t>(waiting_tops_[row]) * 4;
    if (bytes == 0) continue;
    const std::size_t at = row * static_cast<std::size_t>(max_logprobs_) * 4;
    std::memcpy(result.top_ids, found_.data() + layout.ids + at, bytes);
    std::memcpy(result.top_logprobs, found_.data() + layout.logprobs + at, bytes);
  }
  waiting_rows_ = 0;
}

void LogitReader::log_probs(const MillraceLogProbs& args, void* workspace) {
  const ResultLayout layout(max_rows_, max_logprobs_);
  auto* memory = static_cast<std::byte*>(results_.data());
  auto* targets = static_cast<std::int32_t*>(wishes_.data());
  copies_.to_device(targets, args.targets, args.logits.rows * 4LL);
  LogProbParams params{};
  params.logits = static_cast<float*>(args.logits.data);
  params.stride = args.logits.stride;
  params.rows = args.logits.rows;
  params.vocab = args.logits.cols;
  params.targets = targets;
  params.top = args.top;
  params.logprobs = reinterpret_cast<float*>(memory);
  params.top_ids = reinterpret_cast<std::int32_t*>(memory + layout.ids);
  params.top_logprobs = reinterpret_cast<float*>(memory + layout.logprobs);
  params.top_stride = max_logprobs_;
  params.workspace = workspace;
  launch_log_probs(stream_, params);
  copies_.to_host(args.logprobs, memory, args.logits.rows * 4LL);
  for (int i = 0; i < args.logits.rows && args.top > 0; ++i) {
    const std::int64_t to = static_cast<std::int64_t>(i) * args.top_stride;
    const std::int64_t from = static_cast<std::int64_t>(i) * max_logprobs_;
    copies_.to_host(args.top_ids + to, params.top_ids + from, args.top * 4LL);
    copies_.to_host(args.top_logprobs + to, params.top_logprobs + from, args.top * 4LL);
  }
}

}  // namespace millrace::gpu
