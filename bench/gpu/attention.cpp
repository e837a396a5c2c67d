// Attention with the heads of three models over a paged cache: of one new token a row against the bandwidth
// that a copy has on the card, of prompts against the rate of a large product.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <string>

#include "bench.hpp"
#include "kernels/attention.hpp"
#include "platform/float_types.hpp"

namespace millrace::bench {
namespace {

struct Heads {
  const char* model;
  int heads, kv_heads, dim;
};

constexpr Heads kModels[] = {{"Qwen3-4B, Llama-8B", 32, 8, 128}, {"Gemma-3-4B", 8, 4, 256}};
constexpr int kBlockTokens = 16;

// Rows of `tokens` new tokens at the end of `context`, whose blocks lie in the cache in random order.
struct Rows {
  int rows, tokens, context;
};

class CardRows {
 public:
  CardRows(gpu::Stream& stream, const Rows& of, int copies)
      : max_blocks_((of.context + kBlockTokens - 1) / kBlockTokens),
        num_blocks_(of.rows * max_blocks_),
        rows_(of),
        starts_(std::int64_t{4} * (of.rows + 1)),
        contexts_(std::int64_t{4} * of.rows),
        tables_(std::int64_t{4} * num_blocks_ * copies) {
    std::vector<std::int32_t> starts, contexts(static_cast<std::size_t>(of.rows), of.context);
    for (int row = 0; row <= of.rows; ++row) starts.push_back(row * of.tokens);
    std::vector<std::int32_t> tables(static_cast<std::size_t>(num_blocks_) *
                                     static_cast<std::size_t>(copies));
    std::iota(tables.begin(), tables.end(), 0);
    std::shuffle(tables.begin(), tables.end(), std::mt19937_64(5));
    copy(stream, starts_, starts);
    copy(stream, contexts_, contexts);
    copy(stream, tables_, tables);
    stream.synchronize();
  }
  // `copy` of the tables, each over blocks of its own.
  [[nodiscard]] Batch batch(int copy) const {
    Batch batch;
    batch.num_rows = rows_.rows;
    batch.num_tokens = rows_.rows * rows_.tokens;
    batch.max_blocks = max_blocks_;
    batch.block_tokens = kBlockTokens;
    batch.max_query_tokens = rows_.tokens;
    batch.max_context_tokens = rows_.context;
    batch.query_starts = starts_.as<std::int32_t>();
    batch.context_lens = contexts_.as<std::int32_t>();
    batch.block_tables = tables_.as<std::int32_t>() + std::int64_t{copy} * num_blocks_;
    return batch;
  }
  [[nodiscard]] int num_blocks() const { return num_blocks_; }

 private:
  static void copy(gpu::Stream& stream, const CardMemory& to, const std::vector<std::int32_t>& from) {
    stream.copy_to_device(to.as<void>(), from.data(), static_cast<std::int64_t>(from.size()) * 4);
  }

  int max_blocks_, num_blocks_;
  Rows rows_;
  CardMemory starts_, contexts_, tables_;
};

// BF16 between -2 and 2, the same 64 KiB again and again.
void fill_random(gpu::Stream& stream, void* memory, std::int64_t bytes) {
  constexpr std::int64_t kPiece = 1 << 16;
  std::mt19937_64 rng(11);
  std::uniform_real_distribution<float> values(-2, 2);
  std::vector<std::uint16_t> piece(kPiece / 2);
  for (std::uint16_t& value : piece) value = gpu::from_float<gpu::bf16>(values(rng)).bits;
  auto* to = static_cast<std::byte*>(memory);
  stream.copy_to_device(to, piece.data(), std::min(kPiece, bytes));
  for (std::int64_t done = kPiece; done < bytes; done *= 2)
    stream.copy_on_device(to + done, to, std::min(done, bytes - done));
  stream.synchronize();
}

struct Work {
  double us, bytes, operations;
};

Work measure(gpu::Stream& stream, const Heads& of, const Rows& rows, int multiprocessors) {
  const std::int64_t token_bytes = std::int64_t{2} * of.kv_heads * of.dim;  // of keys, or of values
  const std::int64_t context_bytes = rows.rows * rows.context * token_bytes * 2;
  // So many copies of the cache that the card's own does not hold them: in a step, other layers lie between.
  constexpr std::int64_t kCacheBytes = std::int64_t{256} << 20;
  const int copies = static_cast<int>(std::clamp<std::int64_t>(kCacheBytes / context_bytes + 1, 1, 64));
  const CardRows on_card(stream, rows, copies);
  const std::int64_t blocks = std::int64_t{on_card.num_blocks()} * copies;
  const CardMemory keys(blocks * kBlockTokens * token_bytes), values(blocks * kBlockTokens * token_bytes);
  const std::int64_t q_bytes = std::int64_t{2} * rows.rows * rows.tokens * of.heads * of.dim;
  const CardMemory q(q_bytes), out(q_bytes);
  fill_random(stream, keys.as<void>(), blocks * kBlockTokens * token_bytes);
  fill_random(stream, values.as<void>(), blocks * kBlockTokens * token_bytes);
  fill_random(stream, q.as<void>(), q_bytes);
  const std::int64_t workspace_bytes =
      gpu::attention_workspace_bytes(rows.rows, of.heads, of.kv_heads, of.dim, multiprocessors);
  const CardMemory workspace(workspace_bytes);
  stream.fill(workspace.as<void>(), 0, workspace_bytes);
  // Queries see half of the tokens that are new with them.
  const double seen = rows.context - (rows.tokens - 1) / 2.0;
  const double operations = 4.0 * rows.rows * rows.tokens * seen * of.heads * of.dim;
  const int calls = std::clamp(static_cast<int>(2e12 / operations), 2, 64);
  const double us = CardTimer(stream).measure_us(calls, [&](int call) {
    gpu::AttentionParams<gpu::bf16> params{};
    params.batch = on_card.batch(call % copies);
    params.q = q.as<gpu::bf16>();
    params.q_stride = params.out_stride = of.heads * of.dim;
    params.kv = {keys.as<void>(), values.as<void>(), DType::kBF16, static_cast<int>(blocks),
                 of.kv_heads,     kBlockTokens,      of.dim};
    params.num_heads = of.heads;
    params.scale = 1 / std::sqrt(static_cast<float>(of.dim));
    params.out = out.as<gpu::bf16>();
    params.max_query_tokens = rows.tokens;
    params.multiprocessors = multiprocessors;
    params.workspace = workspace.as<void>();
    gpu::launch_attention(stream, params);
  });
  return {us, static_cast<double>(context_bytes + 2 * q_bytes), operations};
}

}  // namespace

void measure_attention(Report& report, gpu::Stream& stream, const Ceilings& ceilings) {
  constexpr Rows kDecode[] = {{1, 1, 256},   {1, 1, 1024},  {1, 1, 8192},  {1, 1, 32768},
                              {16, 1, 1024}, {64, 1, 1024}, {64, 1, 4096}, {256, 1, 1024}};
  constexpr Rows kPrefill[] = {{16, 128, 128},  {4, 512, 512},  {1, 2048, 2048},
                               {1, 8192, 8192}, {1, 512, 8192}, {1, 32, 32768}};
  for (const Heads& of : kModels) {
    const std::string model = std::string(of.model) + " attention, ";
    for (const Rows& rows : kDecode) {
      const Work work = measure(stream, of, rows, ceilings.multiprocessors);
      report.add(model + std::to_string(rows.rows) + " x 1 of " + std::to_string(rows.context),
                 {{"us", work.us},
                  {"GBps", work.bytes / work.us / 1e3},
                  {"ofBandwidth", work.bytes / ceilings.bytes_per_us / work.us}});
    }
    for (const Rows& rows : kPrefill) {
      const Work work = measure(stream, of, rows, ceilings.multiprocessors);
      report.add(model + std::to_string(rows.rows) + " x " + std::to_string(rows.tokens) + " of " +
                     std::to_string(rows.context),
                 {{"us", work.us},
                  {"TFLOPps", work.operations / work.us / 1e6},
                  {"ofMatrixRate", work.operations / ceilings.operations_per_us / work.us}});
    }
  }
}

}  // namespace millrace::bench
