#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

#include "cpu/cpu_memory.hpp"
#include "cpu/isa.hpp"
#include "cpu/thread_pool.hpp"
#include "runtime/device.hpp"

namespace millrace {

// The devices of the process. Engines that use the same device share its threads; devices in use at once
// share the process's budget of threads, and all share its memory budget.
class Registry {
 public:
  static constexpr int kMaxCpuDevices = 8;

  static Registry& instance();
  Registry();

  // Threads of all devices together, and whether each stays on a processor of its own. Throws
  // ERR_THREADS_FIXED while a device is in use, and ERR_INVALID_PARAMETER unless it is 1 to 1024, or when
  // threads cannot be pinned here. Default: default_threads(), not pinned.
  void set_threads(int threads, bool pinned = false);
  [[nodiscard]] int threads() {
    const std::lock_guard lock(mutex_);
    return threads_;
  }
  // "cpu:0" to "cpu:7". isa: empty takes the best there is. deterministic: see CpuDevice. Throws
  // ERR_DEVICE_UNAVAILABLE saying which devices exist, and ERR_UNSUPPORTED_ISA.
  std::shared_ptr<Device> device(std::string_view name, std::optional<Isa> isa = std::nullopt,
                                 bool deterministic = false);
  // cpu:0 and cpu:1, and what else is in use.
  std::vector<DeviceInfo> list();

 private:
  // Kept by the devices of one name; when the last goes, its threads end and the others get its share.
  std::shared_ptr<ThreadPool> pool(int index);
  void share_threads();
  std::vector<int> cpus_for(int index) const;

  // Recursive: letting go of a pool under the lock may be what ends it, and that shares its threads out
  // again.
  std::recursive_mutex mutex_;
  int threads_;
  std::vector<int> cpus_;  // to pin threads to, in this order; empty: they are not
  std::shared_ptr<MemoryBudget> memory_;
  std::array<std::weak_ptr<ThreadPool>, kMaxCpuDevices> pools_;
};

}  // namespace millrace
