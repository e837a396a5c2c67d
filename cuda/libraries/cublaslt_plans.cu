#include "libraries/cublaslt_plans.hpp"

#include <algorithm>

namespace millrace::gpu::cublaslt {
namespace {

void check(Status status, const char* what) {
  if (status == 0) return;
  throw GpuError(GpuError::Kind::kOther, std::string(what) + " failed with status " + std::to_string(status));
}

}  // namespace

int rows_of_plan(int rows) {
  // As tiles of algorithms go.
  const int step = rows <= 128 ? 32 : rows <= 1024 ? 128 : 1024;
  return (rows + step - 1) / step * step;
}

Plan::~Plan() {
  for (Layout layout : {w_, x_, y_}) {
    if (layout != nullptr) (void)f_.layout_destroy(layout);
  }
  if (descriptor_ != nullptr) (void)f_.descriptor_destroy(descriptor_);
}

void Plan::choose(const LibraryProduct& p) {
  const int type = p.type == LibraryProduct::Type::kBF16 ? kRealBF16 : kRealF16;
  const auto rows = static_cast<std::uint64_t>(rows_of_plan(p.rows)),
             w_rows = static_cast<std::uint64_t>(p.w_rows), cols = static_cast<std::uint64_t>(p.cols);
  const char* const describing = "describing a product";
  check(f_.descriptor_create(&descriptor_, kCompute32F, kRealF32), describing);
  check(f_.descriptor_set(descriptor_, kTransposeA, &kTransposed, sizeof(kTransposed)), describing);
  if (p.bias != nullptr) {
    check(f_.descriptor_set(descriptor_, kEpilogue, &kAddBias, sizeof(kAddBias)), describing);
    check(f_.descriptor_set(descriptor_, kBiasPointer, &p.bias, sizeof(p.bias)), describing);
  }
  check(f_.layout_create(&w_, type, cols, w_rows, p.w_stride), "describing the weight");
  check(f_.layout_create(&x_, type, cols, rows, p.x_stride), "describing the input");
  check(f_.layout_create(&y_, p.y_is_float ? kRealF32 : type, w_rows, rows, p.y_stride),
        "describing the result");
  Preference preference = nullptr;
  check(f_.preference_create(&preference), "choosing an algorithm");
  const auto bytes = static_cast<std::size_t>(CublasLt::kWorkspaceBytes);
  Status status = f_.preference_set(preference, kMostWorkspaceBytes, &bytes, sizeof(bytes));
  if (status == 0) status = f_.preference_set(preference, kReductions, &kReduceInF32, sizeof(kReduceInF32));
  Heuristic best{};
  int found = 0;
  if (status == 0)
    status = f_.get_heuristic(handle_, descriptor_, w_, x_, y_, y_, preference, 1, &best, &found);
  (void)f_.preference_destroy(preference);
  check(status, "choosing an algorithm");
  if (found == 0 || best.status != 0) throw GpuError(GpuError::Kind::kOther, "there is no algorithm");
  algorithm_ = best.algorithm;
}

Status Plan::run(const LibraryProduct& p, void* stream) const {
  constexpr float kOne = 1, kZero = 0;
  const auto rows = static_cast<std::uint64_t>(p.rows);
  for (Layout layout : {x_, y_}) {
    if (const Status status = f_.layout_set(layout, kLayoutCols, &rows, sizeof(rows)); status != 0)
      return status;
  }
  if (p.bias != nullptr) {
    const Status status = f_.descriptor_set(descriptor_, kBiasPointer, &p.bias, sizeof(p.bias));
    if (status != 0) return status;
  }
  return f_.matmul(handle_, descriptor_, &kOne, p.w, w_, p.x, x_, &kZero, p.y, y_, p.y, y_, &algorithm_,
                   p.workspace, static_cast<std::size_t>(CublasLt::kWorkspaceBytes), stream);
}

Plans::Shape Plans::shape_of(const LibraryProduct& p) {
  return {static_cast<int>(p.type),
          p.y_is_float,
          p.bias != nullptr,
          rows_of_plan(p.rows),
          p.w_rows,
          p.cols,
          p.x_stride,
          p.w_stride,
          p.y_stride};
}

std::shared_ptr<const Plan> Plans::plan_for(const LibraryProduct& product, std::string& reason) {
  const Shape shape = shape_of(product);
  const std::uint64_t use = ++uses_;
  if (const auto found = plans_.find(shape); found != plans_.end()) {
    found->second.last_use = use;
    return found->second.plan;
  }
  if (plans_.size() == kMostPlans) {
    plans_.erase(std::ranges::min_element(
        plans_, {}, [](const auto& shape_and_entry) { return shape_and_entry.second.last_use; }));
  }
  auto plan = std::make_shared<Plan>(f_, handle_);
  try {
    plan->choose(product);
  } catch (const GpuError& error) {
    reason = error.what();
    plan = nullptr;
  }
  return plans_.emplace(shape, Entry{std::move(plan), use}).first->second.plan;
}

void Plans::refuse(const LibraryProduct& product) {
  plans_.insert_or_assign(shape_of(product), Entry{nullptr, ++uses_});
}

}  // namespace millrace::gpu::cublaslt
