#include "libraries/cublaslt.hpp"

#include <array>
#include <map>
#include <tuple>
#include <vector>

#include "libraries/cublaslt_abi.hpp"
#include "libraries/shared_library.hpp"
#include "platform/float_types.hpp"

namespace millrace::gpu {
namespace {

using namespace cublaslt;

constexpr const char* kNames[] = {"libcublasLt.so.13", "libcublasLt.so.12", "libcublasLt.so"};
constexpr int kLeastMajor = 12, kMostMajor = 13;

void check(Status status, const char* what) {
  if (status == 0) return;
  throw GpuError(GpuError::Kind::kOther,
                 std::string("cuBLASLt: ") + what + " failed with status " + std::to_string(status));
}

// Memory of the card for the trial.
class Trial {
 public:
  explicit Trial(std::int64_t bytes) : data_(static_cast<std::byte*>(allocate(bytes))) {}
  ~Trial() { release(data_); }
  Trial(const Trial&) = delete;
  Trial& operator=(const Trial&) = delete;
  [[nodiscard]] std::byte* at(std::int64_t offset) const { return data_ + offset; }

 private:
  std::byte* data_;
};

}  // namespace

class CublasLt::Functions {
 public:
  static std::unique_ptr<Functions> find(std::unique_ptr<SharedLibrary> library, std::string& reason) {
    auto f = std::make_unique<Functions>();
    const SharedLibrary& in = *library;
    const bool all = in.find("cublasLtGetVersion", f->get_version, reason) &&
                     in.find("cublasLtCreate", f->create, reason) &&
                     in.find("cublasLtDestroy", f->destroy, reason) &&
                     in.find("cublasLtMatmulDescCreate", f->descriptor_create, reason) &&
                     in.find("cublasLtMatmulDescDestroy", f->descriptor_destroy, reason) &&
                     in.find("cublasLtMatmulDescSetAttribute", f->descriptor_set, reason) &&
                     in.find("cublasLtMatrixLayoutCreate", f->layout_create, reason) &&
                     in.find("cublasLtMatrixLayoutDestroy", f->layout_destroy, reason) &&
                     in.find("cublasLtMatmulPreferenceCreate", f->preference_create, reason) &&
                     in.find("cublasLtMatmulPreferenceDestroy", f->preference_destroy, reason) &&
                     in.find("cublasLtMatmulPreferenceSetAttribute", f->preference_set, reason) &&
                     in.find("cublasLtMatmulAlgoGetHeuristic", f->get_heuristic, reason) &&
                     in.find("cublasLtMatmul", f->matmul, reason);
    f->library = std::move(library);
    return all ? std::move(f) : nullptr;
  }

  std::unique_ptr<SharedLibrary> library;
  GetVersion* get_version = nullptr;
  Create* create = nullptr;
  Destroy* destroy = nullptr;
  DescriptorCreate* descriptor_create = nullptr;
  DescriptorDestroy* descriptor_destroy = nullptr;
  DescriptorSet* descriptor_set = nullptr;
  LayoutCreate* layout_create = nullptr;
  LayoutDestroy* layout_destroy = nullptr;
  PreferenceCreate* preference_create = nullptr;
  PreferenceDestroy* preference_destroy = nullptr;
  PreferenceSet* preference_set = nullptr;
  GetHeuristic* get_heuristic = nullptr;
  Matmul* matmul = nullptr;
};

// How each shape is computed. The library's matrices are column by column: it gets yᵀ = w · xᵀ, with w as the
// transpose of what it sees.
class CublasLt::Plans {
 public:
  Plans(const Functions& functions, Handle handle) : f_(functions), handle_(handle) {}
  ~Plans() {
    for (auto& [shape, plan] : plans_) destroy(plan);
    (void)f_.destroy(handle_);
  }
  Plans(const Plans&) = delete;
  Plans& operator=(const Plans&) = delete;

  struct Plan {
    Descriptor descriptor = nullptr;
    Layout w = nullptr, x = nullptr, y = nullptr;
    Algorithm algorithm{};
  };

  const Plan& plan_for(const LibraryProduct& p) {
    const Shape shape{
        static_cast<int>(p.type), p.y_is_float, p.rows, p.w_rows, p.cols, p.x_stride, p.y_stride};
    const auto found = plans_.find(shape);
    if (found != plans_.end()) return found->second;
    // A prompt's last chunk can have any number of rows: what was made for old ones goes.
    if (plans_.size() == kMostPlans) {
      destroy(plans_.begin()->second);
      plans_.erase(plans_.begin());
    }
    Plan plan;
    try {
      choose(p, plan);
    } catch (...) {
      destroy(plan);
      throw;
    }
    return plans_.emplace(shape, plan).first->second;
  }

  [[nodiscard]] Handle handle() const { return handle_; }

 private:
  using Shape = std::tuple<int, bool, int, int, int, std::int64_t, std::int64_t>;
  static constexpr std::size_t kMostPlans = 1024;

  void choose(const LibraryProduct& p, Plan& plan) const {
    const int type = p.type == LibraryProduct::Type::kBF16 ? kRealBF16 : kRealF16;
    const auto rows = static_cast<std::uint64_t>(p.rows), w_rows = static_cast<std::uint64_t>(p.w_rows),
               cols = static_cast<std::uint64_t>(p.cols);
    check(f_.descriptor_create(&plan.descriptor, kCompute32F, kRealF32), "describing a product");
    check(f_.descriptor_set(plan.descriptor, kTransposeA, &kTransposed, sizeof(kTransposed)),
          "describing a product");
    check(f_.layout_create(&plan.w, type, cols, w_rows, p.cols), "describing the weight");
    check(f_.layout_create(&plan.x, type, cols, rows, p.x_stride), "describing the input");
    check(f_.layout_create(&plan.y, p.y_is_float ? kRealF32 : type, w_rows, rows, p.y_stride),
          "describing the result");
    Preference preference = nullptr;
    check(f_.preference_create(&preference), "choosing an algorithm");
    const auto bytes = static_cast<std::size_t>(kWorkspaceBytes);
    Status status = f_.preference_set(preference, kMostWorkspaceBytes, &bytes, sizeof(bytes));
    Heuristic best{};
    int found = 0;
    if (status == 0) {
      status = f_.get_heuristic(handle_, plan.descriptor, plan.w, plan.x, plan.y, plan.y, preference, 1,
                                &best, &found);
    }
    (void)f_.preference_destroy(preference);
    check(status, "choosing an algorithm");
    if (found == 0 || best.status != 0)
      throw GpuError(GpuError::Kind::kOther, "cuBLASLt has no algorithm for a product");
    plan.algorithm = best.algorithm;
  }

  void destroy(const Plan& plan) const {
    for (Layout layout : {plan.w, plan.x, plan.y}) {
      if (layout != nullptr) (void)f_.layout_destroy(layout);
    }
    if (plan.descriptor != nullptr) (void)f_.descriptor_destroy(plan.descriptor);
  }

  const Functions& f_;
  Handle handle_;
  std::map<Shape, Plan> plans_;
};

namespace {

// Products of whole numbers, which have one right result.
std::string try_out(CublasLt& library) {
  constexpr int kRows = 16, kWRows = 32, kCols = 64;
  constexpr std::int64_t kX = 0, kW = 4096, kY = 16384, kWorkspace = 32768;
  const Trial memory(kWorkspace + CublasLt::kWorkspaceBytes);
  const auto x_at = [](int row, int col) { return static_cast<float>((row * 7 + col * 3) % 5 - 2); };
  const auto w_at = [](int row, int col) { return static_cast<float>((row * 3 + col * 5) % 7 - 3); };
  std::vector<bf16> x, w;
  for (int i = 0; i < kRows * kCols; ++i) x.push_back(from_float<bf16>(x_at(i / kCols, i % kCols)));
  for (int i = 0; i < kWRows * kCols; ++i) w.push_back(from_float<bf16>(w_at(i / kCols, i % kCols)));
  Stream stream;
  stream.copy_to_device(memory.at(kX), x.data(), static_cast<std::int64_t>(x.size()) * 2);
  stream.copy_to_device(memory.at(kW), w.data(), static_cast<std::int64_t>(w.size()) * 2);
  library.multiply(stream, {LibraryProduct::Type::kBF16, true, memory.at(kX), kCols, memory.at(kW),
                            memory.at(kY), kWRows, kRows, kWRows, kCols, memory.at(kWorkspace)});
  std::vector<float> y(kRows * kWRows);
  stream.copy_to_host(y.data(), memory.at(kY), static_cast<std::int64_t>(y.size()) * 4);
  stream.synchronize();
  for (int i = 0; i < kRows * kWRows; ++i) {
    float sum = 0;
    for (int k = 0; k < kCols; ++k) sum += x_at(i / kWRows, k) * w_at(i % kWRows, k);
    if (y[static_cast<std::size_t>(i)] != sum) return "a small product came out wrong";
  }
  return "";
}

}  // namespace

CublasLt::CublasLt(std::unique_ptr<Functions> functions, std::unique_ptr<Plans> plans)
    : functions_(std::move(functions)), plans_(std::move(plans)) {}

CublasLt::~CublasLt() = default;

std::unique_ptr<CublasLt> CublasLt::load(const std::string& path, std::string& reason) {
  auto library = SharedLibrary::open(path, kNames, reason);
  if (library == nullptr) return nullptr;
  auto functions = Functions::find(std::move(library), reason);
  if (functions == nullptr) return nullptr;
  const auto version = static_cast<int>(functions->get_version());
  const int major = version / 10000;
  if (major < kLeastMajor || major > kMostMajor) {
    reason = "its version is " + std::to_string(version) + "; versions " + std::to_string(kLeastMajor) +
             " and " + std::to_string(kMostMajor) + " are known";
    return nullptr;
  }
  Handle handle = nullptr;
  if (const Status status = functions->create(&handle); status != 0) {
    reason = "it does not start (status " + std::to_string(status) +
             "): its CUDA version may need a newer driver than this machine's";
    return nullptr;
  }
  auto plans = std::make_unique<Plans>(*functions, handle);
  std::unique_ptr<CublasLt> loaded(new CublasLt(std::move(functions), std::move(plans)));
  try {
    reason = try_out(*loaded);
  } catch (const GpuError& error) {
    if (error.kind() == GpuError::Kind::kLost) throw;
    reason = error.what();
  }
  return reason.empty() ? std::move(loaded) : nullptr;
}

int CublasLt::version() const {
  return static_cast<int>(functions_->get_version());
}

void CublasLt::multiply(Stream& stream, const LibraryProduct& product) {
  const Plans::Plan plan = plans_->plan_for(product);
  const auto call = [plan, product, matmul = functions_->matmul, handle = plans_->handle(),
                     native = stream.native()] {
    constexpr float kOne = 1, kZero = 0;
    check(matmul(handle, plan.descriptor, &kOne, product.w, plan.w, product.x, plan.x, &kZero, product.y,
                 plan.y, product.y, plan.y, &plan.algorithm, product.workspace,
                 static_cast<std::size_t>(kWorkspaceBytes), native),
          "a product");
  };
#if defined(__CUDACC__)
  call();
#else
  detail::queue(stream, call);
#endif
}

}  // namespace millrace::gpu
