// Times the attention of one layer: prefill of a chunk behind a past, and decode of batches, for a BF16
// cache. GFLOP/s counts the products that causality leaves, GB/s the keys and values read once.
//
//   g++ -O2 -std=c++20 -I native bench/cpu/attention_bench.cpp build/libmillrace_engine.a -pthread -ldl \
//     -o build/attention_bench && build/attention_bench [threads] [isa: scalar avx2 avx512] [f32|f16|bf16]
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "cpu/convert.hpp"
#include "cpu/cpu_device.hpp"

namespace {

using namespace millrace;

struct Case {
  const char* name;
  int num_heads, num_kv_heads, head_dim;
  int rows, past, tokens;  // of each row
};

constexpr Case kCases[] = {
    {"0.6B prefill 256 after 256", 16, 8, 128, 1, 256, 256},
    {"0.6B prefill 256 after 7936", 16, 8, 128, 1, 7936, 256},
    {"1B   prefill 256 after 256", 32, 8, 64, 1, 256, 256},
    {"1B   prefill 256 after 7936", 32, 8, 64, 1, 7936, 256},
    {"0.6B decode 1 x 8192", 16, 8, 128, 1, 8191, 1},
    {"0.6B decode 16 x 2048", 16, 8, 128, 16, 2047, 1},
    {"0.6B decode 32 x 160", 16, 8, 128, 32, 159, 1},
    {"1B   decode 1 x 8192", 32, 8, 64, 1, 8191, 1},
    {"1B   decode 32 x 160", 32, 8, 64, 32, 159, 1},
};
constexpr int kBlockTokens = 16;

struct Setup {
  std::vector<std::int32_t> positions, token_rows, query_starts = {0}, context_lens, tables;
  std::vector<float> q, out;
  std::unique_ptr<Buffer> keys, values;
  Batch batch;
  AttentionArgs args;

  Setup(CpuDevice& device, const Case& c, DType dtype) {
    const int blocks = (c.past + c.tokens + kBlockTokens - 1) / kBlockTokens;
    std::mt19937_64 rng(1);
    tables.resize(static_cast<std::size_t>(c.rows) * static_cast<std::size_t>(blocks));
    std::iota(tables.begin(), tables.end(), 0);
    std::shuffle(tables.begin(), tables.end(), rng);
    for (int r = 0; r < c.rows; ++r) {
      for (int i = 0; i < c.tokens; ++i) {
        positions.push_back(c.past + i);
        token_rows.push_back(r);
      }
      query_starts.push_back(static_cast<std::int32_t>(positions.size()));
      context_lens.push_back(c.past + c.tokens);
    }
    const auto tokens = static_cast<int>(positions.size());
    const std::int64_t elements =
        std::int64_t{1} * c.rows * blocks * c.num_kv_heads * kBlockTokens * c.head_dim;
    keys = device.allocate(storage_bytes(dtype, elements));
    values = device.allocate(storage_bytes(dtype, elements));
    std::normal_distribution<float> normal;
    for (Buffer* buffer : {keys.get(), values.get()}) {
      for (std::int64_t i = 0; i < elements; ++i) {
        const float x = static_cast<float>(rng() >> 40) / (1 << 23) - 1;
        auto* bytes = static_cast<std::byte*>(buffer->data());
        const std::uint16_t bits = dtype == DType::kF16 ? float_to_f16(x) : float_to_bf16(x);
        dtype == DType::kF32 ? std::memcpy(bytes + i * 4, &x, 4) : std::memcpy(bytes + i * 2, &bits, 2);
      }
    }
    const int cols = (c.num_heads + 2 * c.num_kv_heads) * c.head_dim;
    q.resize(static_cast<std::size_t>(tokens) * static_cast<std::size_t>(cols));
    for (float& x : q) x = normal(rng);
    out.resize(static_cast<std::size_t>(tokens * c.num_heads * c.head_dim));
    batch = {c.rows,
             tokens,
             blocks,
             kBlockTokens,
             nullptr,
             positions.data(),
             token_rows.data(),
             query_starts.data(),
             context_lens.data(),
             tables.data()};
    args.q = {q.data(), tokens, cols, cols};
    args.kv = {keys->data(),   values->data(), dtype,     c.rows * blocks,
               c.num_kv_heads, kBlockTokens,   c.head_dim};
    args.num_heads = c.num_heads;
    args.scale = 1 / std::sqrt(static_cast<float>(c.head_dim));
    args.out = {out.data(), tokens, c.num_heads * c.head_dim, c.num_heads * c.head_dim};
  }
};

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : 2;
  const std::string isa_name = argc > 2 ? argv[2] : "auto", type = argc > 3 ? argv[3] : "bf16";
  const Isa isa = isa_name == "scalar"   ? Isa::kScalar
                  : isa_name == "avx2"   ? Isa::kAvx2
                  : isa_name == "avx512" ? Isa::kAvx512
                                         : best_isa();
  const DType dtype = type == "f32" ? DType::kF32 : type == "f16" ? DType::kF16 : DType::kBF16;
  CpuDevice device(0, std::make_shared<ThreadPool>(threads), isa,
                   std::make_shared<MemoryBudget>(std::int64_t{1} << 34));
  for (const Case& c : kCases) {
    const Setup setup(device, c, dtype);
    std::vector<double> seconds;
    double cpu_seconds = 1e9;  // of all threads, the least: what remains true beside other programs
    for (double spent = 0; spent < 0.4 || seconds.size() < 5;) {
      const auto start = std::chrono::steady_clock::now();
      const std::clock_t cpu_start = std::clock();
      device.attention(setup.batch, setup.args);
      cpu_seconds = std::min(cpu_seconds, static_cast<double>(std::clock() - cpu_start) / CLOCKS_PER_SEC);
      seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
      spent += seconds.back();
    }
    std::sort(seconds.begin(), seconds.end());
    double pairs = 0;  // of a query and a position
    for (const std::int32_t position : setup.positions) pairs += position + 1;
    const double flop = pairs * c.num_heads * c.head_dim * 4;
    const double bytes = 2.0 * static_cast<double>(storage_bytes(dtype, c.head_dim)) * c.num_kv_heads *
                         static_cast<double>(c.rows) * (c.past + c.tokens);
    std::printf("%-28s min %9.1f us  median %9.1f us  cpu %9.1f us  %7.1f GFLOP/s  %6.1f GB/s\n", c.name,
                seconds[0] * 1e6, seconds[seconds.size() / 2] * 1e6, cpu_seconds * 1e6,
                flop / seconds[0] / 1e9, bytes / seconds[0] / 1e9);
  }
}
