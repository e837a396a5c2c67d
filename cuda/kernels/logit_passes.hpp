// The two passes over rows of logits that are spread over the whole card. They leave the largest logit and
// the sum of weights of each run (runtime/logit_kernels.hpp) for the one block that ends a row, sampling.cu.
#pragma once
#include <cstdint>

#include "kernels/sampling.hpp"
#include "platform/block.hpp"
#include "runtime/logit_kernels.hpp"

namespace millrace::gpu {

constexpr int kRun = static_cast<int>(kRunLogits);
// Runs of a block of the passes, one for each half of a warp.
constexpr int kChunkRuns = 16;
constexpr int kChunk = kChunkRuns * kRun;

// The workspace. Each row has its part of every array.
struct LogitSpace {
  int runs, chunks;
  std::int64_t score_stride;
  // After bias, penalties, banned ids and mask. Rows that have none of them are sampled from the logits, and
  // those that do not keep their logits have their scores in their place.
  float* scores;  // (kMostScoreRows or fewer, score_stride)
  // Largest logit of each run, of each chunk: NaN where NaN or +infinity is in it. "raw" is of the logits,
  // the other of the scores, and not written where they are the logits.
  float *raw_maxima, *maxima;              // (rows, runs)
  float *raw_chunk_maxima, *chunk_maxima;  // (rows, chunks)
  // exp(logit - largest) in sum, and exp((score - largest) / temperature).
  float *raw_sums, *sums;  // (rows, runs)
  double* running;         // (rows, runs) sums up to and with each run
};

// With sample_rows null: of the logits only, for log-probabilities.
struct LogitPasses {
  SampleParams sample;
  LogitSpace space;
};

LogitSpace logit_space(void* workspace, int rows, int vocab, bool with_scores, std::int64_t& bytes);

void launch_logit_passes(Stream& stream, const LogitPasses& params);

// A row as it is sampled, or as it came.
struct LogitRow {
  const float* logits;
  const float* maxima;
  const float* chunk_maxima;
  int vocab, runs, chunks;
};

// Where the scores of a row that is adjusted are.
__device__ inline float* scores_of(const LogitPasses& p, std::int64_t row) {
  const CardSampleRow& of = p.sample.sample_rows[row];
  if (!keeps_logits(of)) return p.sample.logits + row * p.sample.stride;
  return p.space.scores + of.score_slot * p.space.score_stride;
}

__device__ inline LogitRow raw_row(const LogitPasses& p, std::int64_t row) {
  const LogitSpace& space = p.space;
  return {p.sample.logits + row * p.sample.stride,
          space.raw_maxima + row * space.runs,
          space.raw_chunk_maxima + row * space.chunks,
          p.sample.vocab,
          space.runs,
          space.chunks};
}

__device__ inline LogitRow score_row(const LogitPasses& p, std::int64_t row) {
  if (!is_adjusted(p.sample.sample_rows[row])) return raw_row(p, row);
  const LogitSpace& space = p.space;
  return {scores_of(p, row),
          space.maxima + row * space.runs,
          space.chunk_maxima + row * space.chunks,
          p.sample.vocab,
          space.runs,
          space.chunks};
}

__device__ inline int run_count(const LogitRow& row, int run) {
  const int left = row.vocab - run * kRun;
  return left < kRun ? left : kRun;
}

constexpr float kMinusInfinity = -__builtin_huge_valf();
constexpr float kLowest = -0x1.fffffep127F;

// The larger; NaN where one is.
__device__ inline float max_or_nan(float a, float b) {
  return a > b || a != a ? a : b;
}

// Largest logit of the row, in every lane; the whole warp calls it.
__device__ inline float largest_logit(const LogitRow& row) {
  float largest = kMinusInfinity;
  for (int i = static_cast<int>(threadIdx.x % kWarpLanes); i < row.chunks; i += kWarpLanes)
    largest = max_or_nan(largest, row.chunk_maxima[i]);
  for (int distance = kWarpLanes / 2; distance > 0; distance /= 2)
    largest = max_or_nan(largest, __shfl_xor_sync(kFullWarp, largest, distance));
  return largest;
}

// exp_nonpositive of runtime/logit_kernels.cpp, with its bits. No product may be fused with a sum: the files
// that include this are compiled with -fmad=false.
__device__ inline float weight_of(float x) {
  constexpr float kLeast = -88.0F;
  constexpr float kRound = 12582912.0F;
  x = x < kLeast ? kLeast : x;
  const float n = (x * 1.44269504F + kRound) - kRound;
  const float r = (x - n * 0.693359375F) - n * -2.12194440e-4F;
  float p = 1.0F / 5040;
  p = p * r + 1.0F / 720;
  p = p * r + 1.0F / 120;
  p = p * r + 1.0F / 24;
  p = p * r + 1.0F / 6;
  p = p * r + 0.5F;
  p = (p * r * r + r) + 1.0F;
  return p * bits_to_float(static_cast<std::uint32_t>(static_cast<std::int32_t>(n) + 127) << 23);
}

// Some of the tokens: Best of runtime/logit_scan.hpp.
struct BestTokens {
  float logit = kMinusInfinity;
  std::int32_t last_id = 0x7FFFFFFF;

  [[nodiscard]] __device__ bool has(float other, std::int32_t id) const {
    return other > logit || (other == logit && id <= last_id);
  }
};

// Tokens at least min_p times as likely as the best.
__device__ inline BestTokens likely_tokens(const CardSampleRow& row, float best) {
  BestTokens likely;
  if (row.min_p > 0) likely.logit = static_cast<float>(static_cast<double>(best) + row.min_p_depth);
  return likely;
}

// Sum of weight_of((logit - best) * scale) over those of up to a run of logits that are larger than `least`,
// or equal and `with_equals`. Each half of the warp brings logits of its own; all lanes of a half get the
// sum. Lane l of 16 adds logits l, l + 16, ...; then the lanes' sums are added in order, as on the CPU.
__device__ inline float weigh_logits(const float* logits, int count, float best, float scale, float least,
                                     bool with_equals) {
  constexpr int kEach = kRun / kLogitLanes;
  const int lane = static_cast<int>(threadIdx.x % kLogitLanes);
  float mine[kEach];
#pragma unroll
  for (int i = 0; i < kEach; ++i) {
    const int at = i * kLogitLanes + lane;
    mine[i] = at < count ? logits[at] : kMinusInfinity;
  }
  float sum = 0;
#pragma unroll
  for (int i = 0; i < kEach; ++i) {
    const bool is_among = mine[i] > least || (with_equals && mine[i] == least);
    if (is_among) sum += weight_of((mine[i] - best) * scale);
  }
  const int first = static_cast<int>(threadIdx.x % kWarpLanes) & kLogitLanes;
  float total = 0;
  for (int i = 0; i < kLogitLanes; ++i) total += __shfl_sync(kFullWarp, sum, first + i);
  return total;
}

}  // namespace millrace::gpu
