// Times attention over layers whose caches are far larger than the processor's own: decode of batches, beside
// plain reading of the same memory with the same threads in turn, and prefill of a chunk behind a past. GB/s
// counts the keys and values read once, GFLOP/s the products that causality leaves. Medians; in brackets the
// best pass.
//
//   g++ -O2 -std=c++20 -I native bench/cpu/attention_bench.cpp build/libmillrace_engine.a -pthread -ldl \
//     -o build/attention_bench
//   build/attention_bench [threads] [isa: scalar avx2 avx512] [f32|f16|bf16] [part of a case's name]
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "core/convert.hpp"
#include "cpu/cpu_device.hpp"
#include "cpu/thread_pool.hpp"

namespace {

using namespace millrace;

struct Case {
  const char* shape;
  int num_heads, num_kv_heads, head_dim;
  int rows, past, tokens;  // of each row

  [[nodiscard]] std::string name() const {
    return std::string(shape) + (tokens > 1 ? " prefill " + std::to_string(tokens) + " after " : " decode ") +
           (tokens > 1 ? std::to_string(past) : std::to_string(rows) + " x " + std::to_string(past + 1));
  }
};

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (const Case& shape : {Case{"0.6B", 16, 8, 128, 1, 0, 1}, Case{"1B", 32, 8, 64, 1, 0, 1}}) {
    for (const int past : {0, 256, 1792, 7936}) {
      cases.push_back(shape);
      cases.back().past = past;
      cases.back().tokens = 256;
    }
    for (const int context : {256, 1024, 8192}) {
      for (const int rows : {1, 4, 16, 32}) {
        cases.push_back(shape);
        cases.back().rows = rows;
        cases.back().past = context - 1;
      }
    }
  }
  return cases;
}

constexpr int kBlockTokens = 16;
constexpr std::int64_t kDecodeBytes = 512 << 20;  // of keys and values, at least

struct Setup {
  std::vector<std::int32_t> positions, token_rows, query_starts = {0}, context_lens, tables;
  std::vector<float> q, out;
  std::vector<std::unique_ptr<Buffer>> buffers;
  std::vector<KvLayer> layers;
  Batch batch;
  AttentionArgs args;
  double layer_bytes = 0;

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
    const int num_blocks = c.rows * blocks;
    const std::int64_t bytes =
        storage_bytes(dtype, std::int64_t{1} * num_blocks * c.num_kv_heads * kBlockTokens * c.head_dim);
    layer_bytes = 2.0 * static_cast<double>(bytes);
    const std::int64_t num_layers = c.tokens > 1 ? 1 : (kDecodeBytes + 2 * bytes - 1) / (2 * bytes);
    for (std::int64_t layer = 0; layer < num_layers; ++layer) {
      std::byte* memory[2];
      for (std::byte*& m : memory) {
        buffers.push_back(device.allocate(bytes));
        m = static_cast<std::byte*>(buffers.back()->data());
        fill(m, bytes, dtype, rng);
      }
      layers.push_back({memory[0], memory[1], dtype, num_blocks, c.num_kv_heads, kBlockTokens, c.head_dim});
    }
    const int cols = (c.num_heads + 2 * c.num_kv_heads) * c.head_dim;
    q.resize(static_cast<std::size_t>(tokens) * static_cast<std::size_t>(cols));
    std::normal_distribution<float> normal;
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
    args.num_heads = c.num_heads;
    args.scale = 1 / std::sqrt(static_cast<float>(c.head_dim));
    args.out = {out.data(), tokens, c.num_heads * c.head_dim, c.num_heads * c.head_dim};
  }

  // Random numbers in [-1, 1), the same again and again.
  static void fill(std::byte* to, std::int64_t bytes, DType dtype, std::mt19937_64& rng) {
    constexpr std::int64_t kPeriod = 1 << 16;
    for (std::int64_t i = 0; i < std::min(kPeriod, bytes) / storage_bytes(dtype, 1); ++i) {
      const float x = static_cast<float>(rng() >> 40) / (1 << 23) - 1;
      const std::uint16_t bits = dtype == DType::kF16 ? float_to_f16(x) : float_to_bf16(x);
      dtype == DType::kF32 ? std::memcpy(to + i * 4, &x, 4) : std::memcpy(to + i * 2, &bits, 2);
    }
    for (std::int64_t i = kPeriod; i < bytes; i += kPeriod) {
      std::memcpy(to + i, to, static_cast<std::size_t>(std::min(kPeriod, bytes - i)));
    }
  }
};

// Touches every line of a layer's cache from its beginning to its end, and does nothing else.
void read_layer(ThreadPool& pool, const KvLayer& kv, std::int64_t bytes) {
  constexpr std::int64_t kTask = 32 << 10, kLine = 64;
  pool.run(bytes / kTask, [&](std::int64_t task, int) {
    for (const void* memory : {kv.keys, kv.values}) {
      const auto* from = static_cast<const std::byte*>(memory) + task * kTask;
      for (std::int64_t at = 0; at < kTask; at += kLine) asm volatile("movq (%0), %%xmm0" ::"r"(from + at) : "xmm0");
    }
  });
}

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double>& values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : 2;
  const std::string isa_name = argc > 2 ? argv[2] : "auto", type = argc > 3 ? argv[3] : "bf16";
  const Isa isa = isa_name == "scalar"   ? Isa::kScalar
                  : isa_name == "avx2"   ? Isa::kAvx2
                  : isa_name == "avx512" ? Isa::kAvx512
                                         : best_isa();
  const DType dtype = type == "f32" ? DType::kF32 : type == "f16" ? DType::kF16 : DType::kBF16;
  const auto pool = std::make_shared<ThreadPool>(threads);
  CpuDevice device(0, pool, isa, std::make_shared<MemoryBudget>(std::int64_t{1} << 34));
  for (const Case& c : all_cases()) {
    if (argc > 4 && c.name().find(argv[4]) == std::string::npos) continue;
    Setup setup(device, c, dtype);
    const auto num_layers = static_cast<double>(setup.layers.size());
    const auto bytes = static_cast<std::int64_t>(setup.layer_bytes) / 2;
    std::vector<double> attending, reading;
    const auto attend = [&] {
      for (const KvLayer& kv : setup.layers) {
        setup.args.kv = kv;
        device.attention(setup.batch, setup.args);
      }
    };
    const auto read = [&] {
      for (const KvLayer& kv : setup.layers) read_layer(*pool, kv, bytes);
    };
    for (double spent = 0; spent < 0.5 || attending.size() < 5; spent += attending.back() * num_layers) {
      attending.push_back(seconds_of(attend) / num_layers);
      if (c.tokens == 1) reading.push_back(seconds_of(read) / num_layers);
    }
    const double sec = median(attending);
    std::printf("%-28s %9.1f us (%9.1f)", c.name().c_str(), sec * 1e6, attending[0] * 1e6);
    if (c.tokens == 1) {
      const double read_sec = median(reading);
      std::printf("  %5.1f GB/s (%5.1f)  reading %5.1f (%5.1f)  ratio %.2f (%.2f)\n", setup.layer_bytes / sec / 1e9,
                  setup.layer_bytes / attending[0] / 1e9, setup.layer_bytes / read_sec / 1e9,
                  setup.layer_bytes / reading[0] / 1e9, read_sec / sec, reading[0] / attending[0]);
    } else {
      double pairs = 0;  // of a query and a position
      for (const std::int32_t position : setup.positions) pairs += position + 1;
      const double gflop = pairs * c.num_heads * c.head_dim * 4 / 1e9;
      std::printf("  %6.1f GFLOP/s (%6.1f)\n", gflop / sec, gflop / attending[0]);
    }
    std::fflush(stdout);
  }
}
