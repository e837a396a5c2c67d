// How cuBLASLt computes each shape: what it was asked once, and kept.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>

#include "libraries/cublaslt.hpp"
#include "libraries/cublaslt_functions.hpp"

namespace millrace::gpu::cublaslt {

// Rows of x for which an algorithm is asked, for any number of them: a prompt's last chunk can have every
// number, and asking takes longer than a small product.
[[nodiscard]] int rows_of_plan(int rows);

class Plan {
 public:
  Plan(const Functions& functions, Handle handle) : f_(functions), handle_(handle) {}
  ~Plan();
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  // Asks for the way to compute it. Throws GpuError when there is none.
  void choose(const LibraryProduct& product);
  // For a product of the same plan. Nothing is allocated.
  [[nodiscard]] Status run(const LibraryProduct& product, void* stream) const;

 private:
  const Functions& f_;
  const Handle handle_;
  // The library's matrices are column by column: it gets yᵀ = w · xᵀ, with w as the transpose of what it
  // sees.
  Descriptor descriptor_ = nullptr;
  Layout w_ = nullptr, x_ = nullptr, y_ = nullptr;
  Algorithm algorithm_{};
};

class Plans {
 public:
  static constexpr std::size_t kMostPlans = 512;

  Plans(const Functions& functions, Handle handle) : f_(functions), handle_(handle) {}
  ~Plans() {
    plans_.clear();
    (void)f_.destroy(handle_);
  }
  Plans(const Plans&) = delete;
  Plans& operator=(const Plans&) = delete;

  // Null where the library has no way to compute it; `reason` is then set the first time. Those that were not
  // used for the longest time make place.
  std::shared_ptr<const Plan> plan_for(const LibraryProduct& product, std::string& reason);
  // From now on there is none for it.
  void refuse(const LibraryProduct& product);
  [[nodiscard]] std::size_t size() const { return plans_.size(); }

 private:
  using Shape = std::tuple<int, bool, bool, int, int, int, std::int64_t, std::int64_t, std::int64_t>;
  struct Entry {
    std::shared_ptr<const Plan> plan;  // null: refused
    std::uint64_t last_use;
  };
  static Shape shape_of(const LibraryProduct& product);

  const Functions& f_;
  const Handle handle_;
  std::map<Shape, Entry> plans_;
  std::uint64_t uses_ = 0;
};

}  // namespace millrace::gpu::cublaslt
