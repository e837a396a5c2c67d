#include "cpu/features.hpp"

#include <cstdint>

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__x86_64__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace millrace {
namespace {

#if defined(__x86_64__)
// Whether the system saves the tile registers: XCR0 bits 17 (TILECFG) and 18 (TILEDATA).
bool saves_tiles() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & bit_OSXSAVE) == 0) return false;
  std::uint32_t low = 0, high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (low & 0x60000U) == 0x60000U;
}

CpuFeatures detect() {
  CpuFeatures f;
  __builtin_cpu_init();
  f.avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
  f.avx512 = f.avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  f.avx512_bf16 = f.avx512 && __builtin_cpu_supports("avx512bf16");
  f.avx512_vnni = f.avx512 && __builtin_cpu_supports("avx512vnni");
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (saves_tiles() && __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0) {
    const bool tiles = ((d >> 24) & 1U) != 0;
    f.amx_bf16 = tiles && ((d >> 22) & 1U) != 0;
    f.amx_int8 = tiles && ((d >> 25) & 1U) != 0;
  }
  return f;
}
#else
CpuFeatures detect() {
  return {};
}
#endif

}  // namespace

const CpuFeatures& cpu_features() {
  static const CpuFeatures features = detect();
  return features;
}

bool may_use_tiles() {
#if defined(__x86_64__) && defined(__linux__)
  constexpr int kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XTILEDATA
  static const bool granted = syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
  return granted;
#else
  return false;
#endif
}

std::vector<std::string> cpu_feature_names() {
  const CpuFeatures& f = cpu_features();
  std::vector<std::string> names;
  if (f.avx2) names.emplace_back("avx2");
  if (f.avx512) names.emplace_back("avx512");
  if (f.avx512_bf16) names.emplace_back("avx512_bf16");
  if (f.avx512_vnni) names.emplace_back("avx512_vnni");
  if (f.amx_bf16) names.emplace_back("amx_bf16");
  if (f.amx_int8) names.emplace_back("amx_int8");
  return names;
}

}  // namespace millrace
