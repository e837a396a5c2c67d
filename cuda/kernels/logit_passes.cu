#include "kernels/logit_passes.hpp"

#include <cstddef>

namespace millrace::gpu {
namespace {

constexpr unsigned kThreads = kChunkRuns * kLogitLanes;
constexpr int kEach = kRun / kLogitLanes;

struct Shared {
  float scores[kChunk];
  float maxima[kChunkRuns];
};

struct Chunk {
  std::int64_t row;
  int start, count;  // of the row's logits
  int run;           // of this half of a warp
  int run_start, run_count;

  [[nodiscard]] __device__ bool has(std::int32_t id) const {
    return static_cast<unsigned>(id - start) < static_cast<unsigned>(count);
  }
};

__device__ Chunk chunk_of_block(int vocab) {
  Chunk chunk;
  chunk.row = blockIdx.y;
  chunk.start = static_cast<int>(blockIdx.x) * kChunk;
  chunk.count = min(vocab - chunk.start, kChunk);
  const int half = static_cast<int>(threadIdx.x) / kLogitLanes;
  chunk.run = static_cast<int>(blockIdx.x) * kChunkRuns + half;
  chunk.run_start = chunk.run * kRun;
  chunk.run_count = max(0, min(vocab - chunk.run_start, kRun));
  return chunk;
}

// Of the lanes' values, each the largest of those that a lane has seen: writes that of the run and that of
// the chunk.
__device__ void store_maxima(float largest, const Chunk& chunk, float* maxima, float* chunk_maxima,
                             Shared& shared) {
  for (int distance = kLogitLanes / 2; distance > 0; distance /= 2)
    largest = max_or_nan(largest, __shfl_xor_sync(kFullWarp, largest, distance));
  if (threadIdx.x % kLogitLanes == 0) {
    shared.maxima[threadIdx.x / kLogitLanes] = largest;
    if (chunk.run_count > 0) maxima[chunk.run] = largest;
  }
  __syncthreads();
  if (threadIdx.x != 0) return;
  for (int i = 1; i < kChunkRuns; ++i) largest = max_or_nan(largest, shared.maxima[i]);
  chunk_maxima[blockIdx.x] = largest;
}

__device__ float with_bad_as_nan(float logit) {
  return logit == __builtin_huge_valf() ? __builtin_nanf("") : logit;
}

// Each entry for an id of the chunk, by the thread that has the id's first one: all that name an id are added
// in their order.
__device__ void add_biases(const SampleParams& p, const CardSampleRow& row, const Chunk& chunk,
                           float* scores) {
  const std::int32_t* ids = p.bias_ids + row.biases_start;
  const float* biases = p.biases + row.biases_start;
  for (int i = static_cast<int>(threadIdx.x); i < row.num_biases; i += static_cast<int>(kThreads)) {
    if (!chunk.has(ids[i])) continue;
    bool is_first = true;
    for (int other = 0; other < i && is_first; ++other) is_first = ids[other] != ids[i];
    if (!is_first) continue;
    float& score = scores[ids[i] - chunk.start];
    for (int other = i; other < row.num_biases; ++other) {
      if (ids[other] == ids[i]) score += biases[other];
    }
  }
}

__device__ void apply_penalties(const SampleParams& p, const CardSampleRow& row, const Chunk& chunk,
                                float* scores) {
  for (int i = static_cast<int>(threadIdx.x); i < row.num_counts; i += static_cast<int>(kThreads)) {
    const CardTokenCount entry = p.counts[row.counts_start + i];
    if (!chunk.has(entry.token)) continue;
    float& score = scores[entry.token - chunk.start];
    score = score > 0 ? score / row.repetition_penalty : score * row.repetition_penalty;
    score -= row.frequency_penalty * static_cast<float>(entry.in_output);
    if (entry.in_output > 0) score -= row.presence_penalty;
  }
}

__device__ bool is_allowed(const std::int32_t* mask, int id) {
  return (static_cast<std::uint32_t>(mask[id / 32]) >> (id % 32) & 1U) != 0;
}

// The first pass: the largest of each run, and the scores of rows that are adjusted.
__global__ void __launch_bounds__(kThreads) scan_logits(LogitPasses p) {
  let_next_kernel_start();
  wait_for_previous_kernel();
  Shared& shared = block_shared<Shared>();
  const Chunk chunk = chunk_of_block(p.sample.vocab);
  const int lane = static_cast<int>(threadIdx.x % kLogitLanes);
  const float* logits = p.sample.logits + chunk.row * p.sample.stride + chunk.run_start;
  const LogitSpace& space = p.space;
  float mine[kEach];
#pragma unroll
  for (int i = 0; i < kEach; ++i) {
    const int at = i * kLogitLanes + lane;
    mine[i] = at < chunk.run_count ? logits[at] : kMinusInfinity;
  }
  float largest = kMinusInfinity;
#pragma unroll
  for (int i = 0; i < kEach; ++i) largest = max_or_nan(largest, with_bad_as_nan(mine[i]));
  store_maxima(largest, chunk, space.raw_maxima + chunk.row * space.runs,
               space.raw_chunk_maxima + chunk.row * space.chunks, shared);

  if (p.sample.sample_rows == nullptr || !is_adjusted(p.sample.sample_rows[chunk.row])) return;
  const CardSampleRow& row = p.sample.sample_rows[chunk.row];
  float* of_run = shared.scores + chunk.run_start - chunk.start;
#pragma unroll
  for (int i = 0; i < kEach; ++i) of_run[i * kLogitLanes + lane] = mine[i];
  __syncthreads();
  add_biases(p.sample, row, chunk, shared.scores);
  __syncthreads();
  apply_penalties(p.sample, row, chunk, shared.scores);
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < row.num_banned; i += static_cast<int>(kThreads)) {
    const std::int32_t id = p.sample.banned[row.banned_start + i];
    if (chunk.has(id)) shared.scores[id - chunk.start] = kMinusInfinity;
  }
  __syncthreads();
  const std::int32_t* mask = row.mask_start < 0 ? nullptr : p.sample.masks + row.mask_start;
  float* scores = scores_of(p, chunk.row) + chunk.run_start;
  largest = kMinusInfinity;
  for (int i = lane; i < chunk.run_count; i += kLogitLanes) {
    const bool allowed = mask == nullptr || is_allowed(mask, chunk.run_start + i);
    const float score = allowed ? of_run[i] : kMinusInfinity;
    scores[i] = score;
    largest = max_or_nan(largest, with_bad_as_nan(score));
  }
  store_maxima(largest, chunk, space.maxima + chunk.row * space.runs,
               space.chunk_maxima + chunk.row * space.chunks, shared);
}

__device__ void weigh_chunk(const LogitRow& row, const Chunk& chunk, float best, float scale, float least,
                            float* sums) {
  const float sum = weigh_logits(row.logits + chunk.run_start, chunk.run_count, best, scale, least, true);
  if (threadIdx.x % kLogitLanes == 0 && chunk.run_count > 0) sums[chunk.run] = sum;
}

// The second pass: the weights of each run.
__global__ void __launch_bounds__(kThreads) weigh_rows(LogitPasses p) {
  let_next_kernel_start();
  wait_for_previous_kernel();
  const Chunk chunk = chunk_of_block(p.sample.vocab);
  const LogitSpace& space = p.space;
  const LogitRow raw = raw_row(p, chunk.row);
  const float raw_best = largest_logit(raw);
  if (!(raw_best > kMinusInfinity)) return;
  const CardSampleRow* row = p.sample.sample_rows == nullptr ? nullptr : p.sample.sample_rows + chunk.row;
  if (row == nullptr || row->want_logprobs)
    weigh_chunk(raw, chunk, raw_best, 1, kMinusInfinity, space.raw_sums + chunk.row * space.runs);
  // With top-k the row's end weighs: only what is among the best.
  const bool has_top_k = row != nullptr && row->top_k > 0 && row->top_k < p.sample.vocab;
  if (row == nullptr || row->inverse_temperature == 0 || has_top_k) return;
  const LogitRow scores = score_row(p, chunk.row);
  const float best = largest_logit(scores);
  if (!(best > kMinusInfinity)) return;
  const BestTokens among = row->top_p < 1 ? BestTokens{} : likely_tokens(*row, best);
  weigh_chunk(scores, chunk, best, row->inverse_temperature, among.logit,
              space.sums + chunk.row * space.runs);
}

class Cutter {
 public:
  explicit Cutter(void* memory) : memory_(static_cast<std::byte*>(memory)) {}
  template <typename T>
  T* cut(std::int64_t count) {
    auto* part = memory_ == nullptr ? nullptr : reinterpret_cast<T*>(memory_ + bytes_);
    bytes_ += (count * static_cast<std::int64_t>(sizeof(T)) + 255) / 256 * 256;
    return part;
  }
  [[nodiscard]] std::int64_t bytes() const { return bytes_; }

 private:
  std::byte* memory_;
  std::int64_t bytes_ = 0;
};

}  // namespace

LogitSpace logit_space(void* workspace, int rows, int vocab, bool with_scores, std::int64_t& bytes) {
  Cutter cutter(workspace);
  LogitSpace space{};
  space.runs = (vocab + kRun - 1) / kRun;
  space.chunks = (vocab + kChunk - 1) / kChunk;
  const std::int64_t runs = std::int64_t{rows} * space.runs, chunks = std::int64_t{rows} * space.chunks;
  space.running = cutter.cut<double>(runs);
  space.raw_maxima = cutter.cut<float>(runs);
  space.raw_chunk_maxima = cutter.cut<float>(chunks);
  space.raw_sums = cutter.cut<float>(runs);
  if (with_scores) {
    space.maxima = cutter.cut<float>(runs);
    space.chunk_maxima = cutter.cut<float>(chunks);
    space.sums = cutter.cut<float>(runs);
    space.score_stride = (std::int64_t{vocab} + 31) / 32 * 32;
    space.scores = cutter.cut<float>(min(rows, kMostScoreRows) * space.score_stride);
  }
  bytes = cutter.bytes();
  return space;
}

void launch_logit_passes(Stream& stream, const LogitPasses& params) {
  const Grid grid{static_cast<unsigned>(params.space.chunks), static_cast<unsigned>(params.sample.rows)};
  launch_early(stream, scan_logits, grid, kThreads, sizeof(Shared), params);
  launch_early(stream, weigh_rows, grid, kThreads, 0, params);
}

}  // namespace millrace::gpu
