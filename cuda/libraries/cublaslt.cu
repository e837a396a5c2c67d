#include "libraries/cublaslt.hpp"

#include <utility>
#include <vector>

#include "libraries/cublaslt_functions.hpp"
#include "libraries/cublaslt_plans.hpp"
#include "platform/float_types.hpp"

namespace millrace::gpu {
namespace {

using cublaslt::Functions, cublaslt::Handle, cublaslt::Plan, cublaslt::Plans, cublaslt::Status;

std::string status_text(Status status) {
  return "a product failed with status " + std::to_string(status);
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

// Products of whole numbers, which have one right result: in F32, and with a bias in BF16.
void try_out(CublasLt& library, std::string& reason) {
  constexpr int kRows = 17, kWRows = 32, kCols = 64;
  constexpr std::int64_t kX = 0, kW = 4096, kBias = 12288, kY = 16384, kNarrowY = 24576, kWorkspace = 32768;
  const Trial memory(kWorkspace + CublasLt::kWorkspaceBytes);
  const auto x_at = [](int row, int col) { return static_cast<float>((row * 7 + col * 3) % 3 - 1); };
  const auto w_at = [](int row, int col) { return static_cast<float>((row * 3 + col * 5) % 3 - 1); };
  const auto bias_at = [](int row) { return static_cast<float>(row % 7 - 3); };
  std::vector<bf16> x, w, bias;
  for (int i = 0; i < kRows * kCols; ++i) x.push_back(from_float<bf16>(x_at(i / kCols, i % kCols)));
  for (int i = 0; i < kWRows * kCols; ++i) w.push_back(from_float<bf16>(w_at(i / kCols, i % kCols)));
  for (int i = 0; i < kWRows; ++i) bias.push_back(from_float<bf16>(bias_at(i)));
  Stream stream;
  stream.copy_to_device(memory.at(kX), x.data(), static_cast<std::int64_t>(x.size()) * 2);
  stream.copy_to_device(memory.at(kW), w.data(), static_cast<std::int64_t>(w.size()) * 2);
  stream.copy_to_device(memory.at(kBias), bias.data(), static_cast<std::int64_t>(bias.size()) * 2);
  LibraryProduct product{.type = LibraryProduct::Type::kBF16,
                         .y_is_float = true,
                         .x = memory.at(kX),
                         .x_stride = kCols,
                         .w = memory.at(kW),
                         .w_stride = kCols,
                         .y = memory.at(kY),
                         .y_stride = kWRows,
                         .rows = kRows,
                         .w_rows = kWRows,
                         .cols = kCols,
                         .workspace = memory.at(kWorkspace)};
  if (!library.try_multiply(stream, product)) return;
  product.y_is_float = false;
  product.y = memory.at(kNarrowY);
  product.bias = memory.at(kBias);
  if (!library.try_multiply(stream, product)) return;
  std::vector<float> y(kRows * kWRows);
  std::vector<bf16> narrow(y.size());
  stream.copy_to_host(y.data(), memory.at(kY), static_cast<std::int64_t>(y.size()) * 4);
  stream.copy_to_host(narrow.data(), memory.at(kNarrowY), static_cast<std::int64_t>(y.size()) * 2);
  stream.synchronize();
  for (int i = 0; i < kRows * kWRows; ++i) {
    float sum = 0;
    for (int k = 0; k < kCols; ++k) sum += x_at(i / kWRows, k) * w_at(i % kWRows, k);
    const auto at = static_cast<std::size_t>(i);
    if (y[at] != sum || to_float(narrow[at]) != sum + bias_at(i % kWRows))
      reason = "a small product came out wrong";
  }
}

}  // namespace

CublasLt::CublasLt(std::unique_ptr<Functions> functions, void* handle, Say say)
    : functions_(std::move(functions)),
      plans_(std::make_unique<Plans>(*functions_, handle)),
      say_(std::move(say)) {}

CublasLt::~CublasLt() = default;

std::unique_ptr<CublasLt> CublasLt::load(const std::string& path, std::string& reason, Say say) {
  auto functions = Functions::find(path, reason);
  if (functions == nullptr) return nullptr;
  Handle handle = nullptr;
  if (const Status status = functions->create(&handle); status != 0) {
    reason = "it does not start (status " + std::to_string(status) +
             "): its CUDA version may need a newer driver than this machine's";
    return nullptr;
  }
  std::unique_ptr<CublasLt> loaded(
      new CublasLt(std::move(functions), handle, [&](const std::string& refused) { reason = refused; }));
  try {
    try_out(*loaded, reason);
  } catch (const GpuError& error) {
    if (error.kind() == GpuError::Kind::kLost) throw;
    reason = error.what();
  }
  if (!reason.empty()) return nullptr;
  loaded->say_ = std::move(say);
  return loaded;
}

int CublasLt::version() const {
  return functions_->version();
}

std::size_t CublasLt::num_plans() const {
  return plans_->size();
}

void CublasLt::say_refused(const LibraryProduct& p, const std::string& reason) const {
  if (!say_) return;
  say_("cuBLASLt refuses a product of " + std::to_string(p.rows) + " x " + std::to_string(p.cols) + " by " +
       std::to_string(p.w_rows) + " (" + reason + "), which is left to millrace's kernels");
}

bool CublasLt::try_multiply(Stream& stream, const LibraryProduct& product) {
  std::string reason;
  const auto plan = plans_->plan_for(product, reason);
  if (plan == nullptr) {
    if (!reason.empty()) say_refused(product, reason);
    return false;
  }
#if defined(__CUDACC__)
  if (const Status status = plan->run(product, stream.native()); status != 0) {
    plans_->refuse(product);
    say_refused(product, status_text(status));
    return false;
  }
#else
  // The work is done later, and can only fail then.
  detail::queue(stream, [plan, product] {
    if (const Status status = plan->run(product, nullptr); status != 0)
      throw GpuError(GpuError::Kind::kOther, status_text(status));
  });
#endif
  return true;
}

}  // namespace millrace::gpu
