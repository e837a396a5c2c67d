// cuBLASLt, where it is installed: products of many rows. Without it they are those of kernels/matmul.hpp.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "platform/runtime.hpp"
#include "runtime/device.hpp"

namespace millrace::gpu {

// y = x · wᵀ, rounded once from F32. All row by row, strides in elements.
struct LibraryProduct {
  enum class Type : std::uint8_t { kBF16, kF16 };
  Type type;  // of x and w
  bool y_is_float;
  const void* x;  // (rows, cols)
  std::int64_t x_stride;
  const void* w;  // (w_rows, cols), without gaps
  void* y;        // (rows, w_rows)
  std::int64_t y_stride;
  int rows, w_rows, cols;
  void* workspace;  // kWorkspaceBytes, aligned to 256
};

class CublasLt {
 public:
  static constexpr std::int64_t kWorkspaceBytes = std::int64_t{32} << 20;

  // `path`: the library, or its folder (pip's nvidia/cublas/lib); empty: as the system finds it. Multiplies
  // small matrices with it and looks at the result. Null when it cannot be used, and `reason` says why.
  static std::unique_ptr<CublasLt> load(const std::string& path, std::string& reason);
  ~CublasLt();
  CublasLt(const CublasLt&) = delete;
  CublasLt& operator=(const CublasLt&) = delete;

  [[nodiscard]] int version() const;  // 120805 = 12.8.5
  // Queues it; throws GpuError when the library refuses. The way to compute a shape is chosen when it comes
  // the first time.
  void multiply(Stream& stream, const LibraryProduct& product);

 private:
  class Functions;
  class Plans;
  CublasLt(std::unique_ptr<Functions> functions, std::unique_ptr<Plans> plans);
  const std::unique_ptr<Functions> functions_;
  const std::unique_ptr<Plans> plans_;
};

}  // namespace millrace::gpu
