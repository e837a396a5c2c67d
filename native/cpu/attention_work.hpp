#pragma once
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "cpu/attention_kernels.hpp"
#include "cpu/cpu_memory.hpp"

namespace millrace {

// The tasks of a step's attention on one device, and the memory that they share. Kept from step to step.
class AttentionWork {
 public:
  // A row of the batch that has tokens. A unit is some of its tokens with unit_heads of its KV heads, or with
  // what is left of these: it has head_units for the same tokens.
  struct Row {
    int row = 0;
    int unit_heads = 1;
    std::int64_t head_units = 0, units = 0;
    std::int64_t first_chunk = 0, chunks = 0;  // of positions, that any of its tokens sees
    bool is_split = false;                     // a task is a unit's chunk; else a unit
    std::int64_t state_floats = 0;             // of a unit and chunk, where split
    std::int64_t first_task = 0, first_unit = 0, first_state = 0;  // set by add()
  };

  explicit AttentionWork(const AttentionKernels& kernels) : kernels_(kernels), memory_(1) {}
  [[nodiscard]] const AttentionKernels& kernels() const { return kernels_; }

  void start() {
    rows_.clear();
    tasks_ = units_ = states_ = 0;
  }
  void add(Row row) {
    row.first_task = tasks_;
    row.first_unit = units_;
    row.first_state = states_;
    tasks_ += row.is_split ? row.units * row.chunks : row.units;
    units_ += row.is_split ? row.units : 0;
    states_ += row.is_split ? row.units * row.chunks * row.state_floats : 0;
    rows_.push_back(row);
  }
  // Takes the memory that the tasks need, in sizes that seldom grow.
  void finish_plan(std::int64_t width) {
    const auto roomy = [](std::int64_t count) { return count + count / 2; };
    if (width > static_cast<std::int64_t>(zeros_.size())) zeros_.resize(static_cast<std::size_t>(width));
    if (units_ > counters_size_) {
      counters_size_ = roomy(units_);
      counters_ = std::make_unique<std::atomic<std::int64_t>[]>(static_cast<std::size_t>(counters_size_));
    }
    for (std::int64_t i = 0; i < units_; ++i) counters_[i].store(0, std::memory_order_relaxed);
    if (states_ > states_size_) states_size_ = roomy(states_);
    state_memory_ = states_ == 0 ? nullptr : memory_.floats(0, states_size_);
  }
  [[nodiscard]] std::int64_t tasks() const { return tasks_; }
  [[nodiscard]] const Row& row_of_task(std::int64_t task) const {
    const auto after = std::upper_bound(rows_.begin(), rows_.end(), task,
                                        [](std::int64_t t, const Row& row) { return t < row.first_task; });
    return *(after - 1);
  }
  [[nodiscard]] float* states() const { return state_memory_; }
  // A row of any element type that is zero.
  [[nodiscard]] const std::byte* zeros() const { return reinterpret_cast<const std::byte*>(zeros_.data()); }
  // Whether this was the last of a unit's `count` tasks; the others' writes are then seen.
  bool finish(std::int64_t unit, std::int64_t count) {
    return counters_[unit].fetch_add(1, std::memory_order_acq_rel) + 1 == count;
  }

 private:
  const AttentionKernels& kernels_;
  std::vector<Row> rows_;
  std::int64_t tasks_ = 0, units_ = 0, states_ = 0;
  std::vector<float> zeros_;
  std::unique_ptr<std::atomic<std::int64_t>[]> counters_;
  std::int64_t counters_size_ = 0, states_size_ = 0;
  Scratch memory_;
  float* state_memory_ = nullptr;
};

}  // namespace millrace
