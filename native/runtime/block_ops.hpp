#pragma once
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "runtime/device.hpp"

namespace millrace {

enum class BlockOp {
  kCopy,  // from a device block to another
  kOut,   // from a device block to a host block
  kIn     // from a host block to a device block
};

// Operations on KV blocks that wait for the next step, in the order in which they must run: what one writes,
// a later one may read or write over. Neighbours of one kind are a run, which a device gets at once.
class BlockOps {
 public:
  void add(BlockOp kind, BlockCopy copy) {
    if (runs_.empty() || runs_.back().kind != kind) runs_.push_back({kind, copies_.size()});
    copies_.push_back(copy);
  }
  // `later` runs after what is here.
  void append(const BlockOps& later) {
    for (const Run& run : later.runs_) {
      for (const BlockCopy& copy : later.copies_of(run)) add(run.kind, copy);
    }
  }
  [[nodiscard]] bool empty() const { return copies_.empty(); }
  [[nodiscard]] std::span<const BlockCopy> all() const { return copies_; }

  // Calls fn(kind, copies) for each run in turn. When fn throws, that run and the ones after it stay.
  template <typename Fn>
  void run(const Fn& fn) {
    std::size_t done = 0;
    try {
      for (; done < runs_.size(); ++done) fn(runs_[done].kind, copies_of(runs_[done]));
    } catch (...) {
      drop_first(done);
      throw;
    }
    runs_.clear();
    copies_.clear();
  }

 private:
  struct Run {
    BlockOp kind;
    std::size_t first;  // of copies_; it ends where the next run begins
  };
  [[nodiscard]] std::span<const BlockCopy> copies_of(const Run& run) const {
    const std::size_t next = static_cast<std::size_t>(&run - runs_.data()) + 1;
    const std::size_t end = next < runs_.size() ? runs_[next].first : copies_.size();
    return std::span(copies_).subspan(run.first, end - run.first);
  }
  void drop_first(std::size_t count) {
    const std::size_t first = runs_[count].first;
    copies_.erase(copies_.begin(), copies_.begin() + static_cast<std::ptrdiff_t>(first));
    runs_.erase(runs_.begin(), runs_.begin() + static_cast<std::ptrdiff_t>(count));
    for (Run& run : runs_) run.first -= first;
  }

  std::vector<Run> runs_;
  std::vector<BlockCopy> copies_;
};

}  // namespace millrace
