#include "runtime/collective.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <exception>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "core/convert.hpp"

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

// Elements of a tensor, without the gaps between rows.
std::int64_t count_of(const Tensor& tensor) {
  return static_cast<std::int64_t>(tensor.rows) * tensor.cols;
}

void widen(DType dtype, const std::byte* from, float* to, std::int64_t count) {
  if (dtype == DType::kF32)
    return static_cast<void>(std::memcpy(to, from, static_cast<std::size_t>(count) * 4));
  for (std::int64_t i = 0; i < count; ++i) {
    const auto bits = load_unaligned<std::uint16_t>(from + 2 * i);
    to[i] = dtype == DType::kBF16 ? bf16_to_float(bits) : f16_to_float(bits);
  }
}

void narrow(DType dtype, const float* from, std::byte* to, std::int64_t count) {
  if (dtype == DType::kF32)
    return static_cast<void>(std::memcpy(to, from, static_cast<std::size_t>(count) * 4));
  for (std::int64_t i = 0; i < count; ++i) {
    const std::uint16_t bits = dtype == DType::kBF16 ? float_to_bf16(from[i]) : float_to_f16(from[i]);
    std::memcpy(to + 2 * i, &bits, 2);
  }
}

// One rank's tensors as F32 in the host's memory, for devices whose own cannot be read there.
class HostCopy {
 public:
  explicit HostCopy(Device& device) : device_(device) {}

  // Where read() puts that tensor. What it holds before is of no meaning, but numbers.
  Tensor room_for(const Tensor& tensor) {
    make_room(tensor);
    return {values_.data(), tensor.rows, tensor.cols, tensor.cols};
  }

  Tensor read(const Tensor& tensor) {
    const DType dtype = device_.activation_dtype();
    const Tensor room = room_for(tensor);
    const std::int64_t row_bytes = storage_bytes(dtype, tensor.cols),
                       step = storage_bytes(dtype, tensor.stride);
    const auto* from = static_cast<const std::byte*>(tensor.data);
    if (row_bytes == step) {
      device_.copy_to_host(stored_.data(), from, row_bytes * tensor.rows);
    } else {
      for (int r = 0; r < tensor.rows; ++r)
        device_.copy_to_host(stored_.data() + r * row_bytes, from + r * step, row_bytes);
    }
    device_.synchronize();
    widen(dtype, stored_.data(), values_.data(), count_of(tensor));
    return room;
  }

  // `from` is (tensor.rows, tensor.cols), F32.
  void write(const Tensor& from, const Tensor& tensor) {
    const DType dtype = device_.activation_dtype();
    make_room(tensor);
    const std::int64_t row_bytes = storage_bytes(dtype, tensor.cols),
                       step = storage_bytes(dtype, tensor.stride);
    for (int r = 0; r < tensor.rows; ++r)
      narrow(dtype, static_cast<const float*>(from.data) + r * from.stride, stored_.data() + r * row_bytes,
             tensor.cols);
    auto* to = static_cast<std::byte*>(tensor.data);
    if (row_bytes == step) return device_.copy_to_device(to, stored_.data(), row_bytes * tensor.rows);
    for (int r = 0; r < tensor.rows; ++r)
      device_.copy_to_device(to + r * step, stored_.data() + r * row_bytes, row_bytes);
  }

 private:
  void make_room(const Tensor& tensor) {
    const auto count = static_cast<std::size_t>(count_of(tensor));
    if (values_.size() >= count) return;
    values_.resize(count);
    stored_.resize(count * 4);
  }

  Device& device_;
  std::vector<float> values_;
  std::vector<std::byte> stored_;
};

class InProcessCollective final : public Collective {
 public:
  explicit InProcessCollective(std::span<Device* const> devices) : devices_(devices.begin(), devices.end()) {
    for (Device* device : devices_) copies_.emplace_back(*device);
  }

  void all_reduce(int first, int count, int rank, Tensor mine) override {
    const bool is_direct = reads_directly(rank);
    Tensor shared = is_direct ? mine : copies_[at(rank)].room_for(mine);
    std::exception_ptr failure;
    try {
      if (is_direct) {
        device(rank).synchronize();
      } else if (count > 1) {
        copies_[at(rank)].read(mine);
      }
    } catch (...) {
      failure = std::current_exception();  // once the others have been met: they would wait for ever
    }
    if (count > 1) group(first, count).all_reduce(rank - first, shared);
    if (failure) std::rethrow_exception(failure);
    if (!is_direct && count > 1) copies_[at(rank)].write(shared, mine);
  }

  void transfer(int from_rank, Tensor from, int to_rank, Tensor to) override {
    const DType dtype = device(from_rank).activation_dtype();
    const bool has_gaps = from.stride != from.cols || to.stride != to.cols;
    if (!has_gaps && dtype == device(to_rank).activation_dtype() &&
        device(to_rank).try_copy_from(device(from_rank), to.data, from.data,
                                      storage_bytes(dtype, count_of(from))))
      return;
    device(from_rank).synchronize();
    const Tensor source = reads_directly(from_rank) ? from : copies_[at(from_rank)].read(from);
    if (!reads_directly(to_rank)) return copies_[at(to_rank)].write(source, to);
    for (int r = 0; r < from.rows; ++r) {
      device(to_rank).copy_to_device(static_cast<float*>(to.data) + r * to.stride,
                                     static_cast<const float*>(source.data) + r * source.stride,
                                     static_cast<std::int64_t>(from.cols) * 4);
    }
  }

 private:
  static std::size_t at(int rank) { return static_cast<std::size_t>(rank); }
  Device& device(int rank) { return *devices_[at(rank)]; }
  bool reads_directly(int rank) {
    return device(rank).has_host_memory() && device(rank).activation_dtype() == DType::kF32;
  }

  Group& group(int first, int count) {
    const std::lock_guard lock(mutex_);
    return groups_.try_emplace({first, count}, count).first->second;
  }

  const std::vector<Device*> devices_;
  std::vector<HostCopy> copies_;  // by rank, each for the thread of that rank
  std::mutex mutex_;
  std::map<std::pair<int, int>, Group> groups_;
};

}  // namespace

std::unique_ptr<Collective> make_in_process_collective(std::span<Device* const> devices) {
  return std::make_unique<InProcessCollective>(devices);
}

}  // namespace millrace
