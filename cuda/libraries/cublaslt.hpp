// cuBLASLt, where it is installed: products of many rows. Without it they are those of kernels/matmul.hpp.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "platform/runtime.hpp"

namespace millrace::gpu {

namespace cublaslt {
struct Functions;
class Plans;
}  // namespace cublaslt

// y = x · wᵀ + bias, rounded once from F32. All row by row, strides in elements. x, w, bias and y begin at
// multiples of 256 bytes, their rows at multiples of 16.
struct LibraryProduct {
  enum class Type : std::uint8_t { kBF16, kF16 };
  Type type = Type::kBF16;  // of x, w and bias
  bool y_is_float = false;  // without a bias
  const void* x = nullptr;  // (rows, cols)
  std::int64_t x_stride = 0;
  const void* w = nullptr;  // (w_rows, cols)
  std::int64_t w_stride = 0;
  const void* bias = nullptr;  // (w_rows,) or null
  void* y = nullptr;           // (rows, w_rows)
  std::int64_t y_stride = 0;
  int rows = 0, w_rows = 0, cols = 0;
  void* workspace = nullptr;  // kWorkspaceBytes, aligned to 256
};

class CublasLt {
 public:
  static constexpr std::int64_t kWorkspaceBytes = std::int64_t{32} << 20;
  using Say = std::function<void(const std::string&)>;

  // `path`: the library, or its folder (pip's nvidia/cublas/lib); empty: as the system finds it. Multiplies
  // small matrices with it and looks at the result. Null when it cannot be used, and `reason` says why.
  // `say` hears of each shape that it then refuses, once.
  static std::unique_ptr<CublasLt> load(const std::string& path, std::string& reason, Say say = {});
  ~CublasLt();
  CublasLt(const CublasLt&) = delete;
  CublasLt& operator=(const CublasLt&) = delete;

  [[nodiscard]] int version() const;  // 120805 = 12.8.5
  // Queues it. False, and nothing is queued, when the library refuses the shape. The way to compute a shape
  // is chosen when it comes the first time; after that nothing is allocated, so that it may be recorded.
  bool try_multiply(Stream& stream, const LibraryProduct& product);
  // Ways that are kept.
  [[nodiscard]] std::size_t num_plans() const;

 private:
  CublasLt(std::unique_ptr<cublaslt::Functions> functions, void* handle, Say say);
  void say_refused(const LibraryProduct& product, const std::string& reason) const;

  const std::unique_ptr<cublaslt::Functions> functions_;
  const std::unique_ptr<cublaslt::Plans> plans_;
  Say say_;
};

}  // namespace millrace::gpu
