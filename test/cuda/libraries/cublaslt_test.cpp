#include "libraries/cublaslt.hpp"

#include <dlfcn.h>

#include <cstdlib>

#include "kernel_fixture.hpp"

namespace millrace::test {
namespace {

// One that multiplies on the CPU, test/fakes/cublaslt.cpp.
constexpr const char* kFake = MILLRACE_FAKE_CUBLASLT;

// While it lives, the fake goes wrong in this way.
class GoesWrong {
 public:
  explicit GoesWrong(const char* how) { setenv("FAKE_CUBLASLT", how, 1); }
  ~GoesWrong() { unsetenv("FAKE_CUBLASLT"); }
  GoesWrong(const GoesWrong&) = delete;
  GoesWrong& operator=(const GoesWrong&) = delete;
};

std::string refusal(const char* how) {
  const GoesWrong wrong(how);
  std::string reason;
  CHECK(gpu::CublasLt::load(kFake, reason) == nullptr);
  return reason;
}

int leaks() {
  static void* const fake = dlopen(kFake, RTLD_NOW);  // stays, so that it goes on counting
  return reinterpret_cast<int (*)()>(dlsym(fake, "fake_cublaslt_leaks"))();
}

template <typename T>
void check_product(gpu::CublasLt& library, gpu::LibraryProduct::Type type, int rows, int w_rows, int cols) {
  auto rng = make_rng(static_cast<std::uint64_t>(rows + w_rows * 100 + cols));
  const int x_stride = cols + 8, y_stride = w_rows + 4;
  const auto x = rounded<T>(random_values(rng, rows * x_stride)),
             w = rounded<T>(random_values(rng, w_rows * cols));
  const CardArray<T> card_x{std::span<const T>(x)}, card_w{std::span<const T>(w)};
  const CardArray<float> y(rows * y_stride);
  const CardArray<std::byte> workspace(gpu::CublasLt::kWorkspaceBytes);
  gpu::Stream stream;
  library.multiply(stream, {type, true, card_x.data(), x_stride, card_w.data(), y.data(), y_stride, rows,
                            w_rows, cols, workspace.data()});
  stream.synchronize();
  const auto result = y.values();
  for (int row = 0; row < rows; ++row) {
    for (int out = 0; out < w_rows; ++out) {
      double sum = 0;
      for (int k = 0; k < cols; ++k) {
        sum += static_cast<double>(gpu::to_float(x[static_cast<std::size_t>(row * x_stride + k)])) *
               static_cast<double>(gpu::to_float(w[static_cast<std::size_t>(out * cols + k)]));
      }
      CHECK_NEAR(result[static_cast<std::size_t>(row * y_stride + out)], sum, 1e-3);
    }
  }
}

}  // namespace

TEST("products by cuBLASLt are rows by rows of the weight, whatever lies between rows") {
  std::string reason;
  CHECK_EQ(leaks(), 0);
  {
    const auto library = gpu::CublasLt::load(kFake, reason);
    REQUIRE(library != nullptr);
    CHECK_EQ(library->version(), 120805);
    for (int again = 0; again < 2; ++again) {
      check_product<gpu::bf16>(*library, gpu::LibraryProduct::Type::kBF16, 5, 24, 40);
      check_product<gpu::f16>(*library, gpu::LibraryProduct::Type::kF16, 17, 8, 64);
    }
    CHECK(leaks() > 0);
  }
  CHECK_EQ(leaks(), 0);
}

TEST("a cuBLASLt that is not there, or not usable, is refused with the reason") {
  std::string reason;
  CHECK(gpu::CublasLt::load("/nowhere/libcublasLt.so", reason) == nullptr);
  CHECK_CONTAINS(reason, "/nowhere/libcublasLt.so");
  CHECK(gpu::CublasLt::load("libdl.so.2", reason) == nullptr);
  CHECK_CONTAINS(reason, "no function cublasLtGetVersion");
  CHECK_CONTAINS(refusal("version"), "its version is 110300");
  CHECK_CONTAINS(refusal("create"), "newer driver");
  CHECK_CONTAINS(refusal("algorithm"), "no algorithm");
  CHECK_CONTAINS(refusal("heuristic"), "status 15");
  CHECK_CONTAINS(refusal("matmul"), "a product failed with status 7");
  CHECK_CONTAINS(refusal("sum"), "came out wrong");
  CHECK_EQ(leaks(), 0);
}

TEST("cuBLASLt is looked for in a folder by its names") {
  std::string reason;
  CHECK(gpu::CublasLt::load("/", reason) == nullptr);
  CHECK_CONTAINS(reason, "//libcublasLt.so.13");
}

}  // namespace millrace::test
