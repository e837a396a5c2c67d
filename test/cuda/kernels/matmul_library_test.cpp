// Products by a cuBLASLt on the emulated card, test/fakes/cublaslt.cpp.
#include "kernels/matmul_library.hpp"

#include "emulation/emulated_card.hpp"
#include "fake_cublaslt.hpp"
#include "matmul_case.hpp"

namespace millrace::test {
namespace {

struct Library {
  std::vector<std::string> said;
  std::unique_ptr<gpu::CublasLt> cublaslt;
  gpu::ProductLibrary products;

  Library() {
    std::string reason;
    cublaslt =
        gpu::CublasLt::load(kFakeCublasLt, reason, [this](const std::string& what) { said.push_back(what); });
    REQUIRE(cublaslt != nullptr);
    products = {.cublaslt = cublaslt.get(), .fewest_gated_rows = 17};
  }
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
};

struct Shape {
  int rows, outputs;
  std::int64_t cols;
};

// Whether it is right; `products` gets how many of the library's it took.
template <typename T>
bool is_right(const WeightForm& form, Shape shape, ProductOptions options, int& products,
              std::mt19937_64& rng) {
  const std::int64_t cols = form.whole(shape.cols);
  const RandomWeight w(form.dtype, shape.outputs * (options.activation ? 2 : 1), cols, rng);
  const WeightView views[] = {w.view()};
  const auto weight = upload_to_card(kCardFormatOf<T>, views, form.quantization);
  const int before = of_fake_cublaslt("products");
  const bool right = ProductCase<T>(*weight, shape.rows, options, rng).is_right();
  products = (of_fake_cublaslt("products") - before) / 3;  // of three orders of threads
  return right;
}

}  // namespace

TEST("products of many rows with weights in floats are cuBLASLt's, with every output, bias and activation") {
  auto rng = make_rng(61);
  Library library;
  for (int i = 0; i < 12; ++i) {
    const Shape shape{uniform(rng, 17, 90), 8 * uniform(rng, 1, 12), 8 * uniform(rng, 1, 40)};
    ProductOptions options{.library = &library.products};
    if (i % 3 == 0) options.y_is_float = true;
    if (i % 3 == 1) options.with_bias = true;
    if (i % 3 == 2) options.activation = static_cast<Activation>(uniform(rng, 0, 2));
    int products = 0;
    CHECK(is_right<gpu::bf16>({DType::kBF16}, shape, options, products, rng));
    CHECK_EQ(products, 1);
    CHECK(is_right<gpu::f16>({DType::kF32}, shape, options, products, rng));
    CHECK_EQ(products, 1);
  }
  CHECK(library.said.empty());
}

TEST("a gated product of many rows is cuBLASLt's in parts that its workspace holds") {
  auto rng = make_rng(62);
  Library library;
  library.products.gated_bytes = 150 * 2 * 16 * 2;  // 128 rows
  const Shape shape{200, 16, 64};
  int products = 0;
  CHECK(is_right<gpu::bf16>({DType::kBF16}, shape,
                            {.activation = Activation::kSilu, .library = &library.products}, products, rng));
  CHECK_EQ(products, 2);
}

TEST("codes, few rows, and what does not lie as cuBLASLt wants it stay with our kernels") {
  auto rng = make_rng(63);
  Library library;
  const ProductOptions options{.library = &library.products};
  int products = 0;
  CHECK(is_right<gpu::bf16>({DType::kQ4_0}, {40, 24, 64}, options, products, rng));
  CHECK_EQ(products, 0);
  CHECK(is_right<gpu::bf16>({DType::kBF16}, {16, 24, 64}, options, products, rng));
  CHECK_EQ(products, 0);
  CHECK(is_right<gpu::bf16>({DType::kBF16}, {40, 24, 61}, options, products, rng));
  CHECK_EQ(products, 0);
  // Gate and up lie 18 elements apart.
  CHECK(is_right<gpu::bf16>({DType::kBF16}, {40, 9, 64},
                            {.activation = Activation::kSilu, .library = &library.products}, products, rng));
  CHECK_EQ(products, 0);
  // A bias is added in T.
  CHECK(is_right<gpu::bf16>({DType::kBF16}, {40, 24, 64},
                            {.with_bias = true, .y_is_float = true, .library = &library.products}, products,
                            rng));
  CHECK_EQ(products, 0);
  library.products.fewest_rows = 41;
  CHECK(is_right<gpu::bf16>({DType::kBF16}, {40, 24, 64}, options, products, rng));
  CHECK_EQ(products, 0);
}

TEST(
    "a weight stacked of codes and floats has each part from its own, beside which sums of gate and up lie") {
  auto rng = make_rng(64);
  Library library;
  const RandomWeight codes(DType::kQ8_0, 128, 64, rng), floats(DType::kBF16, 128, 64, rng);
  const WeightView views[] = {codes.view(), floats.view()};
  const auto weight = upload_to_card(gpu::CardFormat::kBF16, views);
  for (const auto activation : {std::optional<Activation>(), std::optional(Activation::kGelu)}) {
    const int before = of_fake_cublaslt("products");
    CHECK(ProductCase<gpu::bf16>(*weight, 300, {.activation = activation, .library = &library.products}, rng)
              .is_right());
    CHECK_EQ(of_fake_cublaslt("products") - before, activation ? 6 : 3);
  }
}

TEST("a shape that cuBLASLt refuses is computed by our kernels, with every output, and said once") {
  auto rng = make_rng(65);
  Library library;
  const Variable wrong = goes_wrong("shape");
  int products = 0;
  for (int again = 0; again < 2; ++again) {
    CHECK(is_right<gpu::bf16>({DType::kBF16}, {40, 24, 64}, {.with_bias = true, .library = &library.products},
                              products, rng));
    CHECK_EQ(products, 0);
    CHECK_EQ(library.said.size(), 1);
  }
  CHECK(is_right<gpu::bf16>({DType::kBF16}, {40, 20, 64},
                            {.activation = Activation::kSilu, .library = &library.products}, products, rng));
  CHECK_EQ(products, 0);
  CHECK_EQ(library.said.size(), 2);
}

TEST("the cards that gated products are cuBLASLt's on are those whose tensor cores outrun our tiles") {
  gpu::CublasLt* const some = Library().cublaslt.get();
  CHECK_EQ(gpu::library_for(some, 8, 0).fewest_gated_rows, 256);
  CHECK_EQ(gpu::library_for(some, 9, 0).fewest_gated_rows, 256);
  CHECK_EQ(gpu::library_for(some, 8, 6).fewest_gated_rows, INT_MAX);
  CHECK_EQ(gpu::library_for(some, 12, 0).fewest_gated_rows, INT_MAX);
  CHECK_EQ(gpu::library_for(some, 8, 6).fewest_rows, 17);
}

}  // namespace millrace::test
