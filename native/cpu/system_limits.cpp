#include "cpu/system_limits.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <optional>
#include <thread>
#include <vector>

namespace millrace {
namespace {

const std::string kRoot = "/sys/fs/cgroup";

std::optional<std::int64_t> read_number(const std::string& file) {
  std::ifstream in(file);
  std::int64_t value = 0;
  if (in >> value) return value;
  return std::nullopt;  // missing, or "max"
}

// The folder of the process's group and its parents up to the root. In a container the path may be one of the
// host's that is not mounted; then only the root is there, and is the container's own.
std::vector<std::string> folders(const std::string& root, std::string path) {
  std::vector<std::string> found;
  for (;;) {
    found.push_back(root + path);
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos || path.empty()) return found;
    path.resize(slash);
  }
}

double quota_of(const std::string& folder) {
  std::ifstream v2(folder + "/cpu.max");
  double quota = 0, period = 0;
  if (v2 >> quota >> period && quota > 0 && period > 0) return quota / period;
  const auto v1_quota = read_number(folder + "/cpu.cfs_quota_us");
  const auto v1_period = read_number(folder + "/cpu.cfs_period_us");
  if (v1_quota.value_or(-1) <= 0 || v1_period.value_or(0) <= 0) return 0;
  return static_cast<double>(*v1_quota) / static_cast<double>(*v1_period);
}

// Smallest limit that is one; 0 stands for none.
template <typename T>
void lower(T& limit, T candidate) {
  if (candidate > 0 && (limit == 0 || candidate < limit)) limit = candidate;
}

// (root, path) of every hierarchy in which the process is.
std::vector<std::pair<std::string, std::string>> own_groups() {
  std::vector<std::pair<std::string, std::string>> groups = {{kRoot, ""}};
  std::ifstream in("/proc/self/cgroup");
  for (std::string line; std::getline(in, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    std::string path = line.substr(second + 1);
    if (path == "/") path.clear();
    groups.emplace_back(controllers.empty() ? kRoot : kRoot + "/" + controllers, path);
  }
  return groups;
}

int usable_cpus() {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
  return static_cast<int>(std::thread::hardware_concurrency());
}

}  // namespace

double cpu_quota(const std::string& root, const std::string& path) {
  double limit = 0;
  for (const std::string& folder : folders(root, path)) lower(limit, quota_of(folder));
  return limit;
}

std::int64_t memory_quota_bytes(const std::string& root, const std::string& path) {
  std::int64_t limit = 0;
  for (const std::string& folder : folders(root, path)) {
    for (const char* file : {"/memory.max", "/memory.limit_in_bytes"}) {
      lower(limit, read_number(folder + file).value_or(0));
    }
  }
  return limit;
}

int default_threads() {
  double quota = 0;
  for (const auto& [root, path] : own_groups()) lower(quota, cpu_quota(root, path));
  int threads = std::max(1, usable_cpus());
  if (quota > 0) threads = std::min(threads, static_cast<int>(std::ceil(quota)));
  return std::clamp(threads, 1, 1024);
}

std::int64_t memory_limit_bytes() {
  std::int64_t limit =
      static_cast<std::int64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<std::int64_t>(sysconf(_SC_PAGESIZE));
  for (const auto& [root, path] : own_groups()) lower(limit, memory_quota_bytes(root, path));
  return limit;
}

}  // namespace millrace
