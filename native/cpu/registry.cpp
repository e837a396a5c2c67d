#include "cpu/registry.hpp"

#include <algorithm>
#include <string>

#include "core/error.hpp"
#include "cpu/cpu_device.hpp"
#include "cpu/features.hpp"
#include "cpu/isa.hpp"
#include "cpu/system_limits.hpp"
#include "cpu/thread_placement.hpp"

namespace millrace {

Registry& Registry::instance() {
  // Never destroyed: an engine on a thread of its own may outlive main().
  static auto* registry = new Registry;
  return *registry;
}

Registry::Registry()
    : threads_(default_threads()), memory_(std::make_shared<MemoryBudget>(memory_limit_bytes())) {}

void Registry::set_threads(int threads, bool pinned) {
  if (threads < 1 || threads > 1024) {
    throw Error("ERR_INVALID_PARAMETER", "threads must be 1 to 1024, not " + std::to_string(threads));
  }
  std::vector<int> cpus = pinned ? cpus_to_pin_to() : std::vector<int>();
  if (pinned && cpus.empty()) {
    throw Error("ERR_INVALID_PARAMETER", "threads cannot be pinned on this system.");
  }
  const std::lock_guard lock(mutex_);
  const bool in_use = std::any_of(pools_.begin(), pools_.end(), [](const auto& p) { return !p.expired(); });
  if (in_use && (threads != threads_ || cpus != cpus_)) {
    const auto described = [](int count, bool fixed) {
      return std::to_string(count) + (fixed ? ", pinned," : "");
    };
    throw Error("ERR_THREADS_FIXED", "the number of threads is " + described(threads_, !cpus_.empty()) +
                                         " and cannot become " + described(threads, pinned) +
                                         " while a model is loaded. Set it before the first load.");
  }
  threads_ = threads;
  cpus_ = std::move(cpus);
}

std::shared_ptr<Device> Registry::device(std::string_view name, std::optional<Isa> isa, bool deterministic) {
  const bool known =
      name.size() == 5 && name.substr(0, 4) == "cpu:" && name[4] >= '0' && name[4] < '0' + kMaxCpuDevices;
  if (!known) {
    throw Error("ERR_DEVICE_UNAVAILABLE",
                "there is no device \"" + std::string(name) +
                    "\" here. There are cpu:0 to cpu:" + std::to_string(kMaxCpuDevices - 1) + ".");
  }
  const int index = name[4] - '0';
  const std::lock_guard lock(mutex_);
  return std::make_shared<CpuDevice>(index, pool(index), isa.value_or(best_isa()), memory_, deterministic);
}

std::shared_ptr<ThreadPool> Registry::pool(int index) {
  std::weak_ptr<ThreadPool>& known = pools_[static_cast<std::size_t>(index)];
  if (auto existing = known.lock()) return existing;
  auto created =
      std::shared_ptr<ThreadPool>(new ThreadPool(threads_, cpus_for(index)), [this](ThreadPool* pool) {
        delete pool;
        const std::lock_guard lock(mutex_);
        share_threads();
      });
  known = created;
  share_threads();
  return created;
}

// Two devices have a half of the processors each. More than two share them: there is no telling how many
// will be in use.
std::vector<int> Registry::cpus_for(int index) const {
  std::vector<int> cpus = cpus_;
  if (cpus.empty()) return cpus;
  const auto first = static_cast<std::size_t>(index) * static_cast<std::size_t>(threads_ + 1) / 2;
  std::rotate(cpus.begin(), cpus.begin() + static_cast<std::ptrdiff_t>(first % cpus.size()), cpus.end());
  return cpus;
}

void Registry::share_threads() {
  std::vector<std::shared_ptr<ThreadPool>> live;
  for (const auto& weak : pools_) {
    if (auto pool = weak.lock()) live.push_back(std::move(pool));
  }
  const int count = static_cast<int>(live.size());
  for (int i = 0; i < count; ++i) {
    live[static_cast<std::size_t>(i)]->set_limit(std::max(1, (threads_ + count - 1 - i) / count));
  }
}

std::vector<DeviceInfo> Registry::list() {
  const std::lock_guard lock(mutex_);
  std::vector<DeviceInfo> devices;
  for (int index = 0; index < kMaxCpuDevices; ++index) {
    const auto pool = pools_[static_cast<std::size_t>(index)].lock();
    if (pool == nullptr && index > 1) continue;
    std::string description = "no vector kernels";
    const auto names = cpu_feature_names();
    for (std::size_t i = 0; i < names.size(); ++i) description = (i == 0 ? "" : description + " ") + names[i];
    devices.push_back({"cpu:" + std::to_string(index), description,
                       pool == nullptr ? threads_ : pool->limit(), memory_->limit_bytes()});
  }
  return devices;
}

}  // namespace millrace
