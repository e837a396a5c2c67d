#include "formats/tensor_view.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "formats/format_error.hpp"

namespace millrace {

DType require_dtype(const TensorView& tensor) {
  if (tensor.dtype) return *tensor.dtype;
  throw Error(
      "ERR_UNSUPPORTED_DTYPE",
      "tensor " + quote_name(tensor.name) + " has the type " + std::string(tensor.type_name) +
          "; Millrace computes with F32, F16, BF16, Q8_0, Q4_0, Q4_K and Q6_K. Use a file of the model in "
          "one of these types.");
}

std::int64_t num_elements(const TensorView& tensor) {
  // The readers bound the product of sizes that are not zero, and of no others.
  if (std::ranges::find(tensor.shape, 0) != tensor.shape.end()) return 0;
  std::int64_t product = 1;
  for (const std::int64_t size : tensor.shape) product *= size;
  return product;
}

void check_no_overlap(const std::vector<TensorView>& tensors, std::string_view file) {
  std::vector<const TensorView*> in_order;
  for (const TensorView& tensor : tensors) {
    if (tensor.bytes > 0) in_order.push_back(&tensor);
  }
  std::sort(in_order.begin(), in_order.end(),
            [](const TensorView* a, const TensorView* b) { return a->file_offset < b->file_offset; });
  for (std::size_t i = 1; i < in_order.size(); ++i) {
    const TensorView& before = *in_order[i - 1];
    if (in_order[i]->file_offset - before.file_offset < before.bytes) {
      fail_file(file, "the tensors " + quote_name(before.name) + " and " + quote_name(in_order[i]->name) +
                          " overlap; the file is damaged");
    }
  }
}

}  // namespace millrace
