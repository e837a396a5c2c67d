// Products by the cuBLASLt that this machine has, or that MILLRACE_CUBLASLT names: on a real card.
#include "kernels/matmul_library.hpp"
#include "libraries/cublaslt_choice.hpp"
#include "matmul_case.hpp"

namespace millrace::test {
namespace {

struct Shape {
  int rows, outputs;
  std::int64_t cols;
};

template <typename T>
void check_products(const gpu::ProductLibrary& library, Shape shape, std::mt19937_64& rng) {
  const RandomWeight plain(DType::kBF16, shape.outputs, shape.cols, rng),
      gated(DType::kBF16, 2 * shape.outputs, shape.cols, rng);
  const WeightView plain_views[] = {plain.view()}, gated_views[] = {gated.view()};
  const auto weight = upload_to_card(kCardFormatOf<T>, plain_views),
             gate_and_up = upload_to_card(kCardFormatOf<T>, gated_views);
  for (const ProductOptions& options : {ProductOptions{.library = &library},
                                        {.with_bias = true, .library = &library},
                                        {.y_is_float = true, .library = &library}})
    CHECK(ProductCase<T>(*weight, shape.rows, options, rng).is_right());
  const ProductOptions silu{.activation = Activation::kSilu, .library = &library};
  CHECK(ProductCase<T>(*gate_and_up, shape.rows, silu, rng).is_right());
}

}  // namespace

TEST("the cuBLASLt that is found gives the products of the definition, with every output, and refuses none") {
  std::vector<std::string> said;
  const auto cublaslt = gpu::open_cublaslt([&](const std::string& what) { said.push_back(what); });
  if (cublaslt == nullptr) SKIP("products are by " + gpu::describe_products());
  const gpu::ProductLibrary library{.cublaslt = cublaslt.get(), .fewest_gated_rows = 17};
  auto rng = make_rng(66);
  for (const Shape shape :
       {Shape{17, 8, 8}, {33, 136, 264}, {70, 72, 520}, {200, 24, 1160}, {300, 256, 128}}) {
    check_products<gpu::bf16>(library, shape, rng);
    check_products<gpu::f16>(library, shape, rng);
  }
  CHECK_EQ(said, std::vector<std::string>());
}

}  // namespace millrace::test
