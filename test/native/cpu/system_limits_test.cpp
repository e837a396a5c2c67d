#include "cpu/system_limits.hpp"

#include <filesystem>
#include <fstream>

#include "harness.hpp"

namespace {

using namespace millrace;
using namespace millrace::test;

// A folder that looks like /sys/fs/cgroup.
struct FakeCgroup {
  std::filesystem::path root;
  FakeCgroup() {
    root = std::filesystem::temp_directory_path() / ("millrace-cgroup-" + std::to_string(make_rng(60)()));
    std::filesystem::create_directories(root / "pod" / "container");
  }
  ~FakeCgroup() { std::filesystem::remove_all(root); }
  FakeCgroup(const FakeCgroup&) = delete;
  FakeCgroup& operator=(const FakeCgroup&) = delete;
  void put(const std::string& file, const std::string& text) const {
    std::ofstream(root / file) << text << "\n";
  }
};

}  // namespace

TEST("a CPU quota is read from cpu.max, the tightest of a group and its parents") {
  const FakeCgroup group;
  CHECK_EQ(cpu_quota(group.root, "/pod/container"), 0.0);
  group.put("pod/container/cpu.max", "max 100000");
  CHECK_EQ(cpu_quota(group.root, "/pod/container"), 0.0);
  group.put("pod/container/cpu.max", "350000 100000");
  CHECK_EQ(cpu_quota(group.root, "/pod/container"), 3.5);
  group.put("pod/cpu.max", "200000 100000");
  CHECK_EQ(cpu_quota(group.root, "/pod/container"), 2.0);
  CHECK_EQ(cpu_quota(group.root, ""), 0.0);
  CHECK_EQ(cpu_quota(group.root, "/of/the/host"), 0.0);
}

TEST("a CPU quota is read from the files of cgroup v1, where -1 is none") {
  const FakeCgroup group;
  group.put("cpu.cfs_quota_us", "-1");
  group.put("cpu.cfs_period_us", "100000");
  CHECK_EQ(cpu_quota(group.root, "/of/the/host"), 0.0);
  group.put("cpu.cfs_quota_us", "150000");
  CHECK_EQ(cpu_quota(group.root, "/of/the/host"), 1.5);
}

TEST("a memory limit is read from memory.max or memory.limit_in_bytes") {
  const FakeCgroup group;
  group.put("pod/memory.max", "max");
  CHECK_EQ(memory_quota_bytes(group.root, "/pod/container"), 0);
  group.put("pod/container/memory.max", "4294967296");
  CHECK_EQ(memory_quota_bytes(group.root, "/pod/container"), std::int64_t{1} << 32);
  group.put("memory.limit_in_bytes", "1073741824");
  CHECK_EQ(memory_quota_bytes(group.root, "/pod/container"), std::int64_t{1} << 30);
}

TEST("this process may use at least one thread and some memory") {
  CHECK(default_threads() >= 1);
  CHECK(memory_limit_bytes() > std::int64_t{64} << 20);
}
