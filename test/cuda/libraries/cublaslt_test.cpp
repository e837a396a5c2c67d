#include "libraries/cublaslt.hpp"

#include "emulation/emulated_card.hpp"
#include "fake_cublaslt.hpp"
#include "kernel_fixture.hpp"
#include "libraries/cublaslt_plans.hpp"

namespace millrace::test {
namespace {

using Type = gpu::LibraryProduct::Type;

std::string refusal(const char* how) {
  const Variable wrong = goes_wrong(how);
  std::string reason;
  CHECK(gpu::CublasLt::load(kFakeCublasLt, reason) == nullptr);
  return reason;
}

// Random matrices, and what their product must be.
template <typename T>
class Case {
 public:
  Case(int rows, int w_rows, int cols, bool with_bias)
      : rows_(rows), w_rows_(w_rows), cols_(cols), with_bias_(with_bias) {
    auto rng = make_rng(static_cast<std::uint64_t>(rows + w_rows * 100 + cols));
    x_ = rounded<T>(random_values(rng, rows * x_stride()));
    w_ = rounded<T>(random_values(rng, w_rows * w_stride()));
    bias_ = rounded<T>(random_values(rng, w_rows));
  }

  // False when the library refuses.
  [[nodiscard]] bool run(gpu::CublasLt& library) const {
    return with_bias_ ? run_as<T>(library) : run_as<float>(library);
  }

 private:
  [[nodiscard]] int x_stride() const { return cols_ + 8; }
  [[nodiscard]] int w_stride() const { return cols_ + 24; }
  [[nodiscard]] int y_stride() const { return w_rows_ + 8; }

  template <typename Out>
  [[nodiscard]] bool run_as(gpu::CublasLt& library) const {
    const CardArray<T> x{std::span<const T>(x_), Begin::kWhole}, w{std::span<const T>(w_), Begin::kWhole},
        bias{std::span<const T>(bias_), Begin::kWhole};
    const CardArray<Out> y(rows_ * y_stride(), Begin::kWhole);
    const CardArray<std::byte> workspace(gpu::CublasLt::kWorkspaceBytes, Begin::kWhole);
    gpu::Stream stream;
    const bool taken =
        library.try_multiply(stream, {.type = std::is_same_v<T, gpu::bf16> ? Type::kBF16 : Type::kF16,
                                      .y_is_float = std::is_same_v<Out, float>,
                                      .x = x.data(),
                                      .x_stride = x_stride(),
                                      .w = w.data(),
                                      .w_stride = w_stride(),
                                      .bias = with_bias_ ? bias.data() : nullptr,
                                      .y = y.data(),
                                      .y_stride = y_stride(),
                                      .rows = rows_,
                                      .w_rows = w_rows_,
                                      .cols = cols_,
                                      .workspace = workspace.data()});
    stream.synchronize();
    if (taken) check(widened<Out>(y.values()));
    return taken;
  }

  void check(const std::vector<float>& y) const {
    for (int row = 0; row < rows_; ++row) {
      for (int out = 0; out < w_rows_; ++out) {
        double sum =
            with_bias_ ? static_cast<double>(gpu::to_float(bias_[static_cast<std::size_t>(out)])) : 0;
        for (int k = 0; k < cols_; ++k) {
          sum += static_cast<double>(gpu::to_float(x_[static_cast<std::size_t>(row * x_stride() + k)])) *
                 static_cast<double>(gpu::to_float(w_[static_cast<std::size_t>(out * w_stride() + k)]));
        }
        CHECK_NEAR(y[static_cast<std::size_t>(row * y_stride() + out)], sum,
                   with_bias_ ? 1e-3 + 0x1p-8 * std::abs(sum) : 1e-3);
      }
    }
  }

  const int rows_, w_rows_, cols_;
  const bool with_bias_;
  std::vector<T> x_, w_, bias_;
};

}  // namespace

TEST("products by cuBLASLt are rows by rows of the weight, whatever lies between rows, with a bias or not") {
  std::string reason;
  CHECK_EQ(of_fake_cublaslt("leaks"), 0);
  {
    const auto library = gpu::CublasLt::load(kFakeCublasLt, reason);
    REQUIRE(library != nullptr);
    CHECK_EQ(library->version(), 120805);
    for (const bool with_bias : {false, true}) {
      CHECK(Case<gpu::bf16>(5, 24, 40, with_bias).run(*library));
      CHECK(Case<gpu::f16>(17, 8, 64, with_bias).run(*library));
    }
    CHECK(of_fake_cublaslt("leaks") > 0);
  }
  CHECK_EQ(of_fake_cublaslt("leaks"), 0);
}

TEST(
    "cuBLASLt is asked once for numbers of rows that are alike, and then nothing is allocated for a "
    "product") {
  std::string reason;
  const auto library = gpu::CublasLt::load(kFakeCublasLt, reason);
  REQUIRE(library != nullptr);
  CHECK(Case<gpu::bf16>(130, 16, 32, true).run(*library));
  const int questions = of_fake_cublaslt("questions"), objects = of_fake_cublaslt("leaks");
  const std::size_t plans = library->num_plans();
  for (const int rows : {131, 256, 200, 129}) {
    CHECK(Case<gpu::bf16>(rows, 16, 32, true).run(*library));
    CHECK_EQ(of_fake_cublaslt("questions"), questions);
    CHECK_EQ(of_fake_cublaslt("leaks"), objects);
    CHECK_EQ(library->num_plans(), plans);
  }
  for (const int rows : {1, 31, 32, 33, 128, 129, 1024, 1025, 8192}) {
    const int asked = gpu::cublaslt::rows_of_plan(rows);
    CHECK(asked >= rows);
    CHECK(asked < rows + std::max(32, rows));
    CHECK_EQ(gpu::cublaslt::rows_of_plan(asked), asked);
  }
}

TEST("products of one way with different numbers of rows may wait in a stream together") {
  std::string reason;
  const auto library = gpu::CublasLt::load(kFakeCublasLt, reason);
  REQUIRE(library != nullptr);
  constexpr int kCols = 16, kWRows = 16;
  const std::vector<gpu::bf16> ones(64 * kCols, gpu::from_float<gpu::bf16>(1));
  const CardArray<gpu::bf16> x{std::span<const gpu::bf16>(ones), Begin::kWhole},
      w{std::span<const gpu::bf16>(ones), Begin::kWhole};
  const CardArray<float> a(32 * kWRows, Begin::kWhole), b(32 * kWRows, Begin::kWhole);
  const CardArray<std::byte> workspace(gpu::CublasLt::kWorkspaceBytes, Begin::kWhole);
  gpu::Stream stream;
  gpu::LibraryProduct product{.y_is_float = true,
                              .x = x.data(),
                              .x_stride = kCols,
                              .w = w.data(),
                              .w_stride = kCols,
                              .y = a.data(),
                              .y_stride = kWRows,
                              .rows = 20,
                              .w_rows = kWRows,
                              .cols = kCols,
                              .workspace = workspace.data()};
  REQUIRE(library->try_multiply(stream, product));
  product.y = b.data();
  product.rows = 30;
  REQUIRE(library->try_multiply(stream, product));
  stream.synchronize();
  CHECK_EQ(a.values()[19 * kWRows], 16.0F);
  CHECK(std::isnan(a.values()[20 * kWRows]));
  CHECK_EQ(b.values()[29 * kWRows], 16.0F);
  CHECK(std::isnan(b.values()[30 * kWRows]));
}

TEST("a product that is recorded is computed by each replay, of what is then in its memory") {
  std::string reason;
  const auto library = gpu::CublasLt::load(kFakeCublasLt, reason);
  REQUIRE(library != nullptr);
  constexpr int kSize = 16;
  const std::vector<gpu::bf16> ones(kSize * kSize, gpu::from_float<gpu::bf16>(1)),
      twos(kSize * kSize, gpu::from_float<gpu::bf16>(2));
  const CardArray<gpu::bf16> x{std::span<const gpu::bf16>(ones), Begin::kWhole},
      w{std::span<const gpu::bf16>(ones), Begin::kWhole};
  const CardArray<float> y(kSize * kSize, Begin::kWhole);
  const CardArray<std::byte> workspace(gpu::CublasLt::kWorkspaceBytes, Begin::kWhole);
  gpu::Stream stream;
  stream.begin_capture();
  REQUIRE(library->try_multiply(stream, {.y_is_float = true,
                                         .x = x.data(),
                                         .x_stride = kSize,
                                         .w = w.data(),
                                         .w_stride = kSize,
                                         .y = y.data(),
                                         .y_stride = kSize,
                                         .rows = kSize,
                                         .w_rows = kSize,
                                         .cols = kSize,
                                         .workspace = workspace.data()}));
  const gpu::Graph graph = stream.end_capture();
  CHECK(std::isnan(y.values()[0]));
  for (const auto& [values, expected] : {std::pair{&ones, 16.0F}, std::pair{&twos, 32.0F}}) {
    stream.copy_to_device(x.data(), values->data(), x.bytes());
    stream.replay(graph);
    stream.synchronize();
    CHECK_EQ(y.values()[kSize * kSize - 1], expected);
  }
}

TEST("no more ways are kept than there is room for, and those that went come back") {
  std::string reason;
  const auto library = gpu::CublasLt::load(kFakeCublasLt, reason);
  REQUIRE(library != nullptr);
  constexpr int kMost = static_cast<int>(gpu::cublaslt::Plans::kMostPlans);
  for (int i = 0; i < kMost + 8; ++i) {
    REQUIRE(Case<gpu::bf16>(1, 8 + i * 8, 8, false).run(*library));
    if (i % 64 == 0) REQUIRE(Case<gpu::bf16>(1, 8, 8, false).run(*library));  // stays: it is used
  }
  CHECK_EQ(library->num_plans(), gpu::cublaslt::Plans::kMostPlans);
  const int questions = of_fake_cublaslt("questions");
  CHECK(Case<gpu::bf16>(1, 8, 8, false).run(*library));
  CHECK_EQ(of_fake_cublaslt("questions"), questions);
  CHECK(Case<gpu::bf16>(1, 16, 8, false).run(*library));
  CHECK_EQ(of_fake_cublaslt("questions"), questions + 1);
}

TEST("a shape that cuBLASLt refuses is said once, asked once, and leaves the others to it") {
  std::vector<std::string> said;
  std::string reason;
  const auto library =
      gpu::CublasLt::load(kFakeCublasLt, reason, [&](const std::string& what) { said.push_back(what); });
  REQUIRE(library != nullptr);
  const Variable wrong = goes_wrong("shape");
  const int questions = of_fake_cublaslt("questions");
  for (int again = 0; again < 3; ++again) {
    CHECK(!Case<gpu::bf16>(20, 24, 40, false).run(*library));
    CHECK(Case<gpu::bf16>(20, 32, 40, false).run(*library));
  }
  CHECK_EQ(of_fake_cublaslt("questions"), questions + 2);
  REQUIRE(said.size() == 1);
  CHECK_CONTAINS(said[0], "a product of 20 x 40 by 24");
  CHECK_CONTAINS(said[0], "status 15");
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
  CHECK_EQ(of_fake_cublaslt("leaks"), 0);
}

TEST("cuBLASLt is looked for in a folder by its names") {
  std::string reason;
  CHECK(gpu::CublasLt::load("/", reason) == nullptr);
  CHECK_CONTAINS(reason, "//libcublasLt.so.13");
}

}  // namespace millrace::test
