// What this machine can do at most: reading from memory, and multiplying with each of its instruction sets.
// Prints JSON.
//
//   g++ -O2 -std=c++20 -pthread ceilings.cpp -o ceilings && ./ceilings [--quick] [--threads N]
//
// The inner loops are inline assembly: a compiler folds, spills or reorders loops over intrinsics, and each
// of these figures is the yardstick of others. A probe runs only where cpuid allows it. Best of several runs:
// a ceiling is what can be reached, and whatever disturbs a run only lowers it.
#include <cpuid.h>
#include <immintrin.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

double seconds_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

// --- What the CPU has, and what the system lets programs use of it ---

struct Cpu {
  bool avx2 = false, avx_vnni = false, avx512 = false, avx512_bf16 = false, avx512_vnni = false,
       avx512_fp16 = false;
  bool amx_bf16 = false, amx_int8 = false;
};

std::uint64_t enabled_states() {
  std::uint32_t low = 0, high = 0;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return std::uint64_t{high} << 32 | low;
}

Cpu read_cpu() {
  Cpu cpu;
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c >> 27 & 1)) return cpu;  // OSXSAVE
  const bool has_fma = c >> 12 & 1;
  const std::uint64_t states = enabled_states();
  const bool ymm = (states & 0x6) == 0x6, zmm = (states & 0xe6) == 0xe6, tiles = (states >> 17 & 3) == 3;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return cpu;
  const unsigned leaves = a;
  cpu.avx2 = ymm && has_fma && (b >> 5 & 1);
  cpu.avx512 = zmm && (b >> 16 & 1) && (b >> 17 & 1) && (b >> 30 & 1) && (b >> 31 & 1);  // F, DQ, BW, VL
  cpu.avx512_vnni = cpu.avx512 && (c >> 11 & 1);
  cpu.avx512_fp16 = cpu.avx512 && (d >> 23 & 1);
  // Linux gives tiles to a process that asks: arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA).
  const bool may_tile = tiles && (d >> 24 & 1) && syscall(SYS_arch_prctl, 0x1023, 18) == 0;
  cpu.amx_bf16 = may_tile && (d >> 22 & 1);
  cpu.amx_int8 = may_tile && (d >> 25 & 1);
  if (leaves >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d)) {
    cpu.avx_vnni = ymm && (a >> 4 & 1);
    cpu.avx512_bf16 = cpu.avx512 && (a >> 5 & 1);
  }
  return cpu;
}

// --- Threads, each on a core of its own, that begin together ---

std::vector<int> allowed_cpus() {
  cpu_set_t set;
  std::vector<int> cpus;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return {0};
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

void pin_to(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  (void)sched_setaffinity(0, sizeof set, &set);  // only steadier with it
}

/// Seconds from the common start until the last thread is done; `prepare` runs before the start.
double time_threads(int threads, const std::function<void(int)>& prepare,
                    const std::function<void(int)>& work) {
  const std::vector<int> cpus = allowed_cpus();
  std::atomic<int> ready{0};
  std::atomic<bool> go{false};
  std::vector<Clock::time_point> ends(threads);
  std::vector<std::thread> running;
  for (int thread = 0; thread < threads; ++thread) {
    running.emplace_back([&, thread] {
      pin_to(cpus[thread % cpus.size()]);
      prepare(thread);
      ready.fetch_add(1);
      while (!go.load()) std::this_thread::yield();
      work(thread);
      ends[thread] = Clock::now();
    });
  }
  while (ready.load() < threads) std::this_thread::yield();
  const Clock::time_point start = Clock::now();
  go.store(true);
  for (std::thread& thread : running) thread.join();
  return seconds_between(start, *std::max_element(ends.begin(), ends.end()));
}

// --- Arithmetic ---

// Independent accumulators hide the latency of the multiply-adds; their operands stay in registers.
#define ALL24 "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23"
#define ALL12 "0,1,2,3,4,5,6,7,8,9,10,11"
#define CLOBBERS_16                                                                                          \
  "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", \
      "xmm13", "xmm14", "xmm15"
#define CLOBBERS_32                                                                                      \
  CLOBBERS_16, "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25", \
      "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31"

// 24 instructions a round on zmm registers filled with `bits`.
#define PROBE_512(name, instruction)                                                       \
  __attribute__((target("avx512f"))) void name(std::uint64_t rounds, std::uint32_t bits) { \
    asm volatile(                                                                          \
        "vpbroadcastd %k1, %%zmm30\n\t"                                                    \
        "vpbroadcastd %k1, %%zmm31\n\t"                                                    \
        ".irp i," ALL24                                                                    \
        "\n\tvpxord %%zmm\\i, %%zmm\\i, %%zmm\\i\n\t.endr\n\t"                             \
        ".p2align 5\n\t"                                                                   \
        "1:\n\t"                                                                           \
        ".irp i," ALL24 "\n\t" instruction                                                 \
        " %%zmm30, %%zmm31, %%zmm\\i\n\t.endr\n\t"                                         \
        "dec %0\n\t"                                                                       \
        "jnz 1b"                                                                           \
        : "+r"(rounds)                                                                     \
        : "r"(bits)                                                                        \
        : "cc", CLOBBERS_32);                                                              \
  }

PROBE_512(fma_512, "vfmadd231ps")
PROBE_512(bf16_512, "vdpbf16ps")
PROBE_512(fp16_512, "vfmadd231ph")
PROBE_512(vnni_512, "vpdpbusd")

#define PROBE_256(name, body)                                                           \
  __attribute__((target("avx2"))) void name(std::uint64_t rounds, std::uint32_t bits) { \
    asm volatile(                                                                       \
        "vmovd %k1, %%xmm15\n\t"                                                        \
        "vpbroadcastd %%xmm15, %%ymm15\n\t"                                             \
        "vmovdqa %%ymm15, %%ymm14\n\t"                                                  \
        ".irp i," ALL12                                                                 \
        "\n\tvpxor %%ymm\\i, %%ymm\\i, %%ymm\\i\n\t.endr\n\t"                           \
        ".p2align 5\n\t"                                                                \
        "1:\n\t"                                                                        \
        ".irp i," ALL12 "\n\t" body                                                     \
        "\n\t.endr\n\t"                                                                 \
        "dec %0\n\t"                                                                    \
        "jnz 1b"                                                                        \
        : "+r"(rounds)                                                                  \
        : "r"(bits)                                                                     \
        : "cc", CLOBBERS_16);                                                           \
  }

PROBE_256(fma_256, "vfmadd231ps %%ymm14, %%ymm15, %%ymm\\i")
PROBE_256(vnni_256, "%{vex%} vpdpbusd %%ymm14, %%ymm15, %%ymm\\i")
// What AVX2 does without VNNI: products in pairs, pairs in fours, then the sum.
PROBE_256(maddubs_256,
          "vpmaddubsw %%ymm14, %%ymm15, %%ymm12\n\tvpmaddwd %%ymm14, %%ymm12, %%ymm13\n\tvpaddd %%ymm13, "
          "%%ymm\\i, %%ymm\\i")

struct alignas(64) TileConfig {
  std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
  std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

// gcc 12's _tile_loadconfig says that it reads 8 bytes, and the rest of the struct may never be stored. This
// reads all.
void load_tile_config() {
  const TileConfig config;
  asm volatile("ldtilecfg %0" ::"m"(config));
}

#define TILE_ROUND(instruction)                                                                   \
  instruction " %%tmm6, %%tmm4, %%tmm0\n\t" instruction " %%tmm7, %%tmm4, %%tmm1\n\t" instruction \
              " %%tmm6, %%tmm5, %%tmm2\n\t" instruction " %%tmm7, %%tmm5, %%tmm3\n\t"

#define PROBE_TILES(name, instruction)                                                                      \
  void name##_registers(std::uint64_t rounds, std::uint32_t) {                                              \
    load_tile_config();                                                                                     \
    asm volatile(                                                                                           \
        ".irp i,0,1,2,3,4,5,6,7\n\ttilezero %%tmm\\i\n\t.endr\n\t"                                          \
        "1:\n\t" TILE_ROUND(instruction) "dec %0\n\tjnz 1b\n\ttilerelease"                                  \
        : "+r"(rounds)::"cc");                                                                              \
  }                                                                                                         \
  /* 2 x 2 tiles of sums; each round reads two tiles of each side, 4 KiB, from a buffer in the L2 cache. */ \
  void name##_l2(std::uint64_t rounds, const std::uint8_t* buffer, std::size_t bytes) {                     \
    load_tile_config();                                                                                     \
    asm volatile(".irp i,0,1,2,3\n\ttilezero %%tmm\\i\n\t.endr" ::: "cc");                                  \
    std::size_t at = 0;                                                                                     \
    for (; rounds > 0; --rounds) {                                                                          \
      asm volatile(                                                                                         \
          "tileloadd (%0,%1,1), %%tmm4\n\ttileloadd 2048(%0,%1,1), %%tmm6\n\t"                              \
          "tileloadd 1024(%0,%1,1), %%tmm5\n\ttileloadd 3072(%0,%1,1), %%tmm7\n\t" TILE_ROUND(              \
              instruction)::"r"(buffer + at),                                                               \
          "r"(std::size_t{64})                                                                              \
          : "memory");                                                                                      \
      at += 4096;                                                                                           \
      if (at == bytes) at = 0;                                                                              \
    }                                                                                                       \
    asm volatile("tilerelease");                                                                            \
  }

PROBE_TILES(amx_bf16, "tdpbf16ps")
PROBE_TILES(amx_int8, "tdpbssd")

struct Arithmetic {
  const char* name;
  bool usable;
  double operations_per_round;
  std::function<void(std::uint64_t rounds, int thread)> run;
};

/// Operations per second, in units of 1e9; the best run.
double measure_arithmetic(const Arithmetic& probe, int threads, int runs) {
  // Short runs, many of them: on a shared machine some fall between the others' work.
  std::uint64_t rounds = 1 << 10;
  for (double sec = 0; sec < 0.01;) {
    rounds *= 2;
    sec = time_threads(
        1, [](int) {}, [&](int thread) { probe.run(rounds, thread); });
  }
  rounds *= 2;
  double best = 0;
  for (int run = 0; run < runs; ++run) {
    const double sec = time_threads(
        threads, [&](int thread) { probe.run(rounds / 4, thread); },
        [&](int thread) { probe.run(rounds, thread); });
    best = std::max(best, probe.operations_per_round * static_cast<double>(rounds) * threads / sec / 1e9);
  }
  return best;
}

std::vector<Arithmetic> arithmetic_probes(const Cpu& cpu, int threads, std::size_t l2_bytes) {
  const auto plain = [](void (*function)(std::uint64_t, std::uint32_t), std::uint32_t bits) {
    return [function, bits](std::uint64_t rounds, int) { function(rounds, bits); };
  };
  // Half of the cache, a whole number of rounds' 4 KiB.
  const std::size_t bytes = std::max<std::size_t>(l2_bytes / 2 / 4096, 1) * 4096;
  static std::vector<std::vector<std::uint8_t>> buffers;
  buffers.assign(threads, std::vector<std::uint8_t>(bytes + 64));
  const auto from_l2 = [bytes](void (*function)(std::uint64_t, const std::uint8_t*, std::size_t)) {
    return [function, bytes](std::uint64_t rounds, int thread) {
      const auto address = reinterpret_cast<std::uintptr_t>(buffers[thread].data());
      function(rounds, reinterpret_cast<const std::uint8_t*>((address + 63) / 64 * 64), bytes);
    };
  };
  constexpr double kTileBf16 = 4 * 16 * 16 * 32 * 2, kTileInt8 = 4 * 16 * 16 * 64 * 2;
  constexpr std::uint32_t kOneF32 = 0x3f800000, kOnesBf16 = 0x3f803f80, kOnesF16 = 0x3c003c00,
                          kOnesI8 = 0x01010101;
  return {
      {"avx2_fma", cpu.avx2, 12 * 8 * 2, plain(fma_256, kOneF32)},
      {"avx2_maddubs", cpu.avx2, 12 * 32 * 2, plain(maddubs_256, kOnesI8)},
      {"avx_vnni", cpu.avx_vnni, 12 * 32 * 2, plain(vnni_256, kOnesI8)},
      {"avx512_fma", cpu.avx512, 24 * 16 * 2, plain(fma_512, kOneF32)},
      {"avx512_bf16", cpu.avx512_bf16, 24 * 32 * 2, plain(bf16_512, kOnesBf16)},
      {"avx512_fp16", cpu.avx512_fp16, 24 * 32 * 2, plain(fp16_512, kOnesF16)},
      {"avx512_vnni", cpu.avx512_vnni, 24 * 64 * 2, plain(vnni_512, kOnesI8)},
      {"amx_bf16_registers", cpu.amx_bf16, kTileBf16, plain(amx_bf16_registers, 0)},
      {"amx_bf16_l2", cpu.amx_bf16, kTileBf16, from_l2(amx_bf16_l2)},
      {"amx_int8_registers", cpu.amx_int8, kTileInt8, plain(amx_int8_registers, 0)},
      {"amx_int8_l2", cpu.amx_int8, kTileInt8, from_l2(amx_int8_l2)},
  };
}

// --- Reading ---

/// Reads `streams` runs of `bytes` each, line by line in turn, with a prefetch `ahead` bytes further (0:
/// none).
template <int streams>
__attribute__((target("avx2"))) void read_streams(const std::uint8_t* from, std::size_t bytes,
                                                  std::size_t ahead) {
  for (std::size_t at = 0; at < bytes; at += 128) {
#pragma GCC unroll 8
    for (int stream = 0; stream < streams; ++stream) {
      const std::uint8_t* line = from + stream * bytes + at;
      if (ahead > 0) {
        asm volatile("prefetcht0 (%0)\n\tprefetcht0 64(%0)" ::"r"(line + ahead));
      }
      asm volatile(
          "vmovdqa (%0), %%ymm0\n\tvmovdqa 32(%0), %%ymm1\n\tvmovdqa 64(%0), %%ymm2\n\tvmovdqa 96(%0), "
          "%%ymm3" ::"r"(line)
          : "xmm0", "xmm1", "xmm2", "xmm3", "memory");
    }
  }
}

struct Reading {
  int threads;
  bool huge_pages;
  int streams;
  std::size_t ahead;
  double gb_per_sec;
};

/// Each thread reads a part of its own, in up to 8 streams.
std::vector<Reading> measure_reading(const std::vector<int>& thread_counts, std::size_t total_bytes,
                                     int runs) {
  std::vector<Reading> readings;
  for (const bool huge_pages : {false, true}) {
    constexpr std::size_t kHuge = std::size_t{2} << 20;
    const std::size_t mapped = total_bytes + kHuge;
    void* memory = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return readings;
    madvise(memory, mapped, huge_pages ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    const auto address = (reinterpret_cast<std::uintptr_t>(memory) + kHuge - 1) / kHuge * kHuge;
    auto* buffer = reinterpret_cast<std::uint8_t*>(address);
    const int most = *std::max_element(thread_counts.begin(), thread_counts.end());
    const std::size_t share = total_bytes / most / 1024 * 1024;
    // Each part is first touched by the thread that reads it, so that it is near that thread's core.
    time_threads(
        most, [](int) {}, [&](int thread) { std::memset(buffer + thread * share, 1, share); });
    for (const int threads : thread_counts) {
      for (const int streams : {1, 4, 8}) {
        for (const std::size_t ahead : {std::size_t{0}, std::size_t{1024}}) {
          const auto read = [&](int thread) {
            const std::uint8_t* from = buffer + thread * share;
            if (streams == 1) read_streams<1>(from, share, ahead);
            if (streams == 4) read_streams<4>(from, share / 4, ahead);
            if (streams == 8) read_streams<8>(from, share / 8, ahead);
          };
          double best = 0;
          for (int run = 0; run < runs; ++run) {
            const double sec = time_threads(
                threads, [](int) {}, read);
            best = std::max(best, static_cast<double>(share) * threads / sec / 1e9);
          }
          readings.push_back({threads, huge_pages, streams, ahead, best});
        }
      }
    }
    munmap(memory, mapped);
  }
  return readings;
}

std::size_t cache_bytes(int level) {
  const long bytes = sysconf(level == 2 ? _SC_LEVEL2_CACHE_SIZE : _SC_LEVEL3_CACHE_SIZE);
  return bytes > 0 ? static_cast<std::size_t>(bytes) : std::size_t{1} << 20;
}

}  // namespace

int main(int argc, char** argv) {
  int threads = static_cast<int>(allowed_cpus().size());
  bool quick = false;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--quick") == 0) quick = true;
    if (std::strcmp(argv[i], "--threads") == 0 && i + 1 < argc) threads = std::max(1, std::atoi(argv[++i]));
  }
  const int runs = quick ? 5 : 15;
  const Cpu cpu = read_cpu();
  const std::size_t l2_bytes = cache_bytes(2), l3_bytes = cache_bytes(3);
  std::vector<int> counts{1};
  if (threads > 1) counts.push_back(threads);

  std::printf("{\n  \"threads\": %d,\n  \"l2Bytes\": %zu,\n  \"l3Bytes\": %zu,\n  \"arithmetic\": [", threads,
              l2_bytes, l3_bytes);
  const char* comma = "";
  for (const Arithmetic& probe : arithmetic_probes(cpu, threads, l2_bytes)) {
    if (!probe.usable) continue;
    for (const int count : counts) {
      std::printf("%s\n    {\"name\": \"%s\", \"threads\": %d, \"gopsPerSec\": %.1f}", comma, probe.name,
                  count, measure_arithmetic(probe, count, runs));
      comma = ",";
    }
    std::fflush(stdout);
  }
  std::printf("\n  ],\n  \"reading\": [");
  comma = "";
  if (cpu.avx2) {
    // Several times the last-level cache, or a part of the reads would not come from memory.
    const std::size_t total = std::max(quick ? std::size_t{1} << 29 : std::size_t{1} << 31, l3_bytes * 4);
    for (const Reading& reading : measure_reading(counts, total, (runs + 1) / 2)) {
      std::printf(
          "%s\n    {\"threads\": %d, \"pages\": \"%s\", \"streams\": %d, \"prefetchBytes\": %zu, "
          "\"gbPerSec\": %.2f}",
          comma, reading.threads, reading.huge_pages ? "2M" : "4K", reading.streams, reading.ahead,
          reading.gb_per_sec);
      comma = ",";
    }
  }
  std::printf("\n  ]\n}\n");
  return 0;
}
