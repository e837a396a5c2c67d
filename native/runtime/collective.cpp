#include "runtime/collective.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "core/error.hpp"

namespace millrace {
namespace {

// Ranks [first, first + count) that meet again and again.
class Group {
 public:
  explicit Group(int count) : count_(static_cast<std::uint32_t>(count)), tensors_(count_) {}

  void all_reduce(int member, Tensor mine) {
    tensors_[static_cast<std::size_t>(member)] = mine;
    meet();
    // Each member adds up its share of the rows for everybody. Sums are taken in order of rank.
    for (int r = member; r < mine.rows; r += static_cast<int>(count_)) sum_row(r, mine.cols);
    meet();
  }

 private:
  static float* row(const Tensor& tensor, int r) {
    return static_cast<float*>(tensor.data) + static_cast<std::int64_t>(r) * tensor.stride;
  }

  void sum_row(int r, int cols) {
    float* sum = row(tensors_[0], r);
    for (std::size_t t = 1; t < tensors_.size(); ++t) {
      const float* other = row(tensors_[t], r);
      for (int c = 0; c < cols; ++c) sum[c] += other[c];
    }
    for (std::size_t t = 1; t < tensors_.size(); ++t) std::copy_n(sum, cols, row(tensors_[t], r));
  }

  // Returns when all members have called it: a short spin, since they compute the same amount, then sleep.
  void meet() {
    const std::uint32_t round = round_.load(std::memory_order_acquire);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == count_) {
      arrived_.store(0, std::memory_order_relaxed);
      round_.fetch_add(1, std::memory_order_release);
      round_.notify_all();
      return;
    }
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::microseconds(50);
    while (round_.load(std::memory_order_acquire) == round) {
      if (std::chrono::steady_clock::now() < give_up) continue;
      round_.wait(round, std::memory_order_acquire);
    }
  }

  const std::uint32_t count_;
  std::vector<Tensor> tensors_;
  std::atomic<std::uint32_t> arrived_ = 0, round_ = 0;
};

class InProcessCollective final : public Collective {
 public:
  explicit InProcessCollective(std::span<Device* const> devices) : devices_(devices.begin(), devices.end()) {
    for (const Device* device : devices_) {
      if (device->activation_bytes() == 4) continue;
      throw Error("ERR_INVALID_PARAMETER", "exchange in process needs devices that compute in F32; " +
                                               device->info().name + " does not");
    }
  }

  void all_reduce(int first, int count, int rank, Tensor mine) override {
    devices_[static_cast<std::size_t>(rank)]->synchronize();
    if (count > 1) group(first, count).all_reduce(rank - first, mine);
  }

  void transfer(int from_rank, Tensor from, int to_rank, Tensor to) override {
    devices_[static_cast<std::size_t>(from_rank)]->synchronize();
    Device& target = *devices_[static_cast<std::size_t>(to_rank)];
    for (int r = 0; r < from.rows; ++r) {
      target.copy_to_device(static_cast<float*>(to.data) + static_cast<std::int64_t>(r) * to.stride,
                            static_cast<const float*>(from.data) + static_cast<std::int64_t>(r) * from.stride,
                            static_cast<std::int64_t>(from.cols) * 4);
    }
  }

 private:
  Group& group(int first, int count) {
    const std::lock_guard lock(mutex_);
    return groups_.try_emplace({first, count}, count).first->second;
  }

  const std::vector<Device*> devices_;
  std::mutex mutex_;
  std::map<std::pair<int, int>, Group> groups_;
};

}  // namespace

std::unique_ptr<Collective> make_in_process_collective(std::span<Device* const> devices) {
  return std::make_unique<InProcessCollective>(devices);
}

}  // namespace millrace
