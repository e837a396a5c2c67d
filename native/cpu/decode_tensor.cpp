#include "cpu/decode_tensor.hpp"

#include <cstddef>

#include "cpu/block_formats.hpp"

namespace millrace {

std::vector<float> decode_tensor(const TensorView& tensor) {
  const DType dtype = require_dtype(tensor);
  std::vector<float> values(static_cast<std::size_t>(num_elements(tensor)));
  widen_row(dtype, tensor.data, values.data(), static_cast<std::int64_t>(values.size()));
  return values;
}

}  // namespace millrace
