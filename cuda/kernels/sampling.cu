#include "kernels/sampling.hpp"

#include <cmath>

#include "kernels/logit_passes.hpp"
#include "kernels/logit_select.hpp"
#include "runtime/sampling.hpp"

namespace millrace::gpu {
namespace {

// A row with its temperature: weight = exp((score - best) * scale), 1 for the best.
struct Tempered {
  LogitRow scores;
  float best, scale;
  float* sums;      // (runs,)
  double* running;  // (runs,)
};

struct Shared {
  SelectShared select;
  Tempered tempered;  // the same for all threads, whose registers are few
  double total;
  float log_sum;
  int token;
  float weights[kRun];
  double running[kRun];
  int num_top;
  float top_logits[kMostTopLogprobs];
  std::int32_t top_ids[kMostTopLogprobs];
};

__device__ int warp_min(int value) {
  for (int distance = kWarpLanes / 2; distance > 0; distance /= 2)
    value = min(value, __shfl_xor_sync(kFullWarp, value, distance));
  return value;
}

// The least i < count for which `is_it`, else count. By one warp.
template <typename Predicate>
__device__ int first_index(int count, const Predicate& is_it) {
  int first = count;
  for (int i = own_lane(); i < first; i += kWarpLanes) {
    if (is_it(i)) first = i;
  }
  return warp_min(first);
}

// The largest, else -1. By one warp.
template <typename Predicate>
__device__ int last_index(int count, const Predicate& is_it) {
  int last = -1;
  for (int i = own_lane(); i < count; i += kWarpLanes) {
    if (is_it(i)) last = i;
  }
  return -warp_min(-last);
}

// Lowest id with the largest logit. By one warp.
__device__ int first_best(const LogitRow& row, float best) {
  const int run = first_index(row.runs, [&](int i) { return row.maxima[i] == best; });
  const float* logits = row.logits + run * kRun;
  return run * kRun + first_index(run_count(row, run), [&](int i) { return logits[i] == best; });
}

// The sum of all runs' sums, which `running` gets one by one.
__device__ double sum_up(const float* sums, int runs, double* running, Shared& shared) {
  if (own_warp() == 0) {
    const double total = running_sums(0, sums, runs, running);
    if (own_lane() == 0) shared.total = total;
  }
  __syncthreads();
  return shared.total;
}

// Fills the sums with those of the best tokens' weights: weigh() of runtime/logit_scan.hpp.
__device__ void weigh_best(const Tempered& row, const BestTokens& best) {
  constexpr int kRunsAtOnce = kWarpLanes / kLogitLanes;
  const LogitRow& scores = row.scores;
  const int half = own_lane() / kLogitLanes;
  for (int first = own_warp() * kRunsAtOnce; first < scores.runs; first += kRowWarps * kRunsAtOnce) {
    const int run = first + half;
    const bool reaches = run < scores.runs && scores.maxima[run] >= best.logit;
    float sum = 0;
    if (__any_sync(kFullWarp, reaches ? 1 : 0) != 0) {
      const int start = run * kRun, count = reaches ? run_count(scores, run) : 0;
      // Of equal logits the lower ids are better: one run is cut in two, and each part has lanes of its own.
      const int equals = best.last_id < start ? 0 : min(best.last_id - start, count - 1) + 1;
      const int part = equals > 0 ? equals : count;
      sum = weigh_logits(scores.logits + start, part, row.best, row.scale, best.logit, equals > 0);
      if (__any_sync(kFullWarp, part < count ? 1 : 0) != 0) {
        const float* rest = scores.logits + start + part;
        sum += weigh_logits(rest, count - part, row.best, row.scale, best.logit, false);
      }
    }
    if (run < scores.runs && own_lane() % kLogitLanes == 0) row.sums[run] = sum;
  }
  __syncthreads();
}

// Draws among the tokens that were weighed last, `total` in sum: draw_weighed() of runtime/sampling.cpp. By
// one warp; the result is that of every lane.
__device__ int draw_weighed(const Tempered& row, const BestTokens& among, double draw, double total,
                            Shared& shared) {
  const LogitRow& scores = row.scores;
  const double target = draw * total;
  int run = first_index(scores.runs, [&](int i) { return row.running[i] > target; });
  double before = total;
  if (run < scores.runs) {
    before = run == 0 ? 0 : row.running[run - 1];
  } else {
    run = last_index(scores.runs, [&](int i) { return row.sums[i] != 0; });
  }
  const int start = run * kRun, count = run_count(scores, run);
  for (int i = own_lane(); i < count; i += kWarpLanes) {
    const float score = scores.logits[start + i];
    shared.weights[i] = among.has(score, start + i) ? weight_of((score - row.best) * row.scale) : 0;
  }
  __syncwarp();
  (void)running_sums(before, shared.weights, count, shared.running);
  const int passing =
      first_index(count, [&](int i) { return shared.weights[i] != 0 && shared.running[i] > target; });
  if (passing < count) return start + passing;
  return start + last_index(count, [&](int i) { return shared.weights[i] != 0; });
}

// RandomDraws of runtime/sampling.hpp.
class Draws {
 public:
  __device__ Draws(std::uint64_t seed, std::uint64_t position) : state_(seed + (position + 1) * kStep) {}
  __device__ double next() {
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    z ^= z >> 31;
    state_ = z + kStep;
    return static_cast<double>(z >> 11) * 0x1p-53;
  }

 private:
  static constexpr std::uint64_t kStep = 0x9E3779B97F4A7C15ULL;
  std::uint64_t state_;
};

// draw_token() of runtime/sampling.cpp. Without top-k the sums are filled already.
__device__ int draw_token(const Tempered& tempered, const CardSampleRow& row, Shared& shared) {
  const bool has_top_k = row.top_k > 0 && row.top_k < tempered.scores.vocab;
  BestTokens among;
  if (has_top_k) among = best_tokens(tempered.scores, row.top_k, shared.select);
  bool is_weighed = !has_top_k;
  const auto weigh = [&](const BestTokens& best) {
    if (!is_weighed) weigh_best(tempered, best);
    is_weighed = false;
    return sum_up(tempered.sums, tempered.scores.runs, tempered.running, shared);
  };
  double total = 0, mass = 0;
  if (row.top_p < 1) {
    total = weigh(among);
    mass = static_cast<double>(row.top_p) * total;
  }
  const BestTokens likely = likely_tokens(row, tempered.best);
  const bool is_narrower = likely.logit > among.logit;
  if (is_narrower) among = likely;
  if (is_narrower || row.top_p >= 1) total = weigh(among);
  Draws draws(row.seed, static_cast<std::uint64_t>(row.position));
  while (true) {
    const double draw = draws.next();
    if (own_warp() == 0) {
      const int drawn = draw_weighed(tempered, among, draw, total, shared);
      if (own_lane() == 0) shared.token = drawn;
    }
    __syncthreads();
    const int token = shared.token;
    if (row.top_p >= 1) return token;
    const BestTokens better{tempered.scores.logits[token], token - 1};
    const double better_mass = weigh(better);
    if (better_mass < mass) return token;
    among = better;
    total = better_mass;
  }
}

// Logarithm of the sum of the raw logits' exponentials.
__device__ float log_sum_exp(const LogitPasses& p, std::int64_t row, float best, Shared& shared) {
  const LogitSpace& space = p.space;
  const double total =
      sum_up(space.raw_sums + row * space.runs, space.runs, space.running + row * space.runs, shared);
  return best + static_cast<float>(log(total));
}

// The `top` largest logits, best first, as log-probabilities; -1 and -infinity where there are no more.
__device__ void write_top(const LogitRow& row, float log_sum, int top, std::int32_t* ids, float* logprobs,
                          Shared& shared) {
  if (top <= 0) return;
  const BestTokens best = best_tokens(row, top, shared.select);
  if (own_thread() == 0) shared.num_top = 0;
  __syncthreads();
  for_each_logit(row, best.logit, [&](float logit, int id) {
    if (!best.has(logit, id)) return;
    const int at = atomicAdd(&shared.num_top, 1);
    shared.top_logits[at] = logit;
    shared.top_ids[at] = id;
  });
  __syncthreads();
  const int found = shared.num_top;
  for (int i = own_thread(); i < top; i += static_cast<int>(kRowThreads)) {
    if (i >= found) {
      ids[i] = -1;
      logprobs[i] = kMinusInfinity;
      continue;
    }
    const BestTokens own{shared.top_logits[i], shared.top_ids[i] - 1};
    int place = 0;
    for (int other = 0; other < found; ++other)
      place += own.has(shared.top_logits[other], shared.top_ids[other]) ? 1 : 0;
    ids[place] = shared.top_ids[i];
    logprobs[place] = own.logit - log_sum;
  }
}

__device__ void write_result(const LogitPasses& p, SampleStatus status, int token, float logprob) {
  if (own_thread() == 0) p.sample.results[blockIdx.x] = {static_cast<std::int32_t>(status), token, logprob};
}

// The end of a row by one block: sample_row() of runtime/sampling.cpp.
__global__ void __launch_bounds__(kRowThreads) draw_rows(LogitPasses p) {
  let_next_kernel_start();
  wait_for_previous_kernel();
  Shared& shared = block_shared<Shared>();
  const std::int64_t at = blockIdx.x;
  const CardSampleRow& row = p.sample.sample_rows[at];
  const LogitRow raw = raw_row(p, at);
  const float raw_best = largest_logit(raw);
  if (!(raw_best > kMinusInfinity)) return write_result(p, SampleStatus::kBadLogits, -1, 0);
  float log_sum = 0;
  if (row.want_logprobs) {
    log_sum = log_sum_exp(p, at, raw_best, shared);
    const std::int64_t out = at * p.sample.top_stride;
    write_top(raw, log_sum, min(row.top_logprobs, kMostTopLogprobs), p.sample.top_ids + out,
              p.sample.top_logprobs + out, shared);
  }
  const LogitRow scores = score_row(p, at);
  const float best = largest_logit(scores);
  if (!(best > kMinusInfinity)) {
    const bool is_bad = best != best;
    return write_result(p, is_bad ? SampleStatus::kBadLogits : SampleStatus::kBadMask, -1, 0);
  }
  int token = 0;
  if (row.inverse_temperature == 0) {
    if (own_warp() == 0) token = first_best(scores, best);
  } else {
    const LogitSpace& space = p.space;
    if (own_thread() == 0) {
      shared.tempered = {scores, best, row.inverse_temperature, space.sums + at * space.runs,
                         space.running + at * space.runs};
    }
    __syncthreads();
    token = draw_token(shared.tempered, row, shared);
  }
  const bool is_writer = own_thread() == 0;
  const float logprob =
      row.want_logprobs && is_writer ? p.sample.logits[at * p.sample.stride + token] - log_sum : 0;
  write_result(p, SampleStatus::kOk, token, logprob);
}

struct LogProbRows {
  LogitPasses passes;
  LogProbParams params;
};

__global__ void __launch_bounds__(kRowThreads) log_prob_rows(LogProbRows p) {
  let_next_kernel_start();
  wait_for_previous_kernel();
  Shared& shared = block_shared<Shared>();
  const std::int64_t at = blockIdx.x, out = at * p.params.top_stride;
  const LogitRow raw = raw_row(p.passes, at);
  const float best = largest_logit(raw);
  if (!(best > kMinusInfinity)) {
    if (own_thread() == 0) p.params.logprobs[at] = __builtin_nanf("");
    for (int i = own_thread(); i < p.params.top; i += static_cast<int>(kRowThreads)) {
      p.params.top_ids[out + i] = -1;
      p.params.top_logprobs[out + i] = kMinusInfinity;
    }
    return;
  }
  const float log_sum = log_sum_exp(p.passes, at, best, shared);
  if (own_thread() == 0) p.params.logprobs[at] = raw.logits[p.params.targets[at]] - log_sum;
  write_top(raw, log_sum, p.params.top, p.params.top_ids + out, p.params.top_logprobs + out, shared);
}

}  // namespace

std::int64_t sample_workspace_bytes(int rows, int vocab) {
  std::int64_t bytes = 0;
  (void)logit_space(nullptr, rows, vocab, true, bytes);
  return bytes;
}

std::int64_t log_prob_workspace_bytes(int rows, int vocab) {
  std::int64_t bytes = 0;
  (void)logit_space(nullptr, rows, vocab, false, bytes);
  return bytes;
}

void launch_sample(Stream& stream, const SampleParams& params) {
  if (params.rows == 0) return;
  std::int64_t bytes = 0;
  const LogitPasses passes{params, logit_space(params.workspace, params.rows, params.vocab, true, bytes)};
  launch_logit_passes(stream, passes);
  launch_early(stream, draw_rows, {static_cast<unsigned>(params.rows)}, kRowThreads, sizeof(Shared), passes);
}

void launch_log_probs(Stream& stream, const LogProbParams& params) {
  if (params.rows == 0) return;
  if (params.top > kMostTopLogprobs)
    throw GpuError(GpuError::Kind::kOther, "more log-probabilities of a row than the card's sampler gives");
  LogProbRows rows{{}, params};
  rows.passes.sample.logits = params.logits;
  rows.passes.sample.stride = params.stride;
  rows.passes.sample.rows = params.rows;
  rows.passes.sample.vocab = params.vocab;
  std::int64_t bytes = 0;
  rows.passes.space = logit_space(params.workspace, params.rows, params.vocab, false, bytes);
  launch_logit_passes(stream, rows.passes);
  launch_early(stream, log_prob_rows, {static_cast<unsigned>(params.rows)}, kRowThreads, sizeof(Shared),
               rows);
}

}  // namespace millrace::gpu
