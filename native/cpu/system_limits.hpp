// What the operating system lets this process use: containers first, then the machine.
#pragma once
#include <cstdint>
#include <string>

namespace millrace {

// Threads that can compute at once: the least of the CPUs this process may run on and its CPU quota (cgroup
// v2 cpu.max, v1 cpu.cfs_quota_us), rounded up; at least 1.
int default_threads();

// The least of the machine's memory and the container's limit (cgroup v2 memory.max, v1
// memory.limit_in_bytes).
std::int64_t memory_limit_bytes();

// CPUs' worth of a cgroup below `root` (such as /sys/fs/cgroup), 0 = no limit. `path` is the process's own,
// as in /proc/self/cgroup; its parents limit it too.
double cpu_quota(const std::string& root, const std::string& path);
// Bytes, 0 = no limit.
std::int64_t memory_quota_bytes(const std::string& root, const std::string& path);

}  // namespace millrace
