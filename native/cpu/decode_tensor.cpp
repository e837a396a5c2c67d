#include "cpu/decode_tensor.hpp"

#include <cstddef>

#include "cpu/kernels.hpp"

namespace millrace {

std::vector<float> decode_tensor(const TensorView& tensor) {
  const DType dtype = require_dtype(tensor);
  std::vector<float> values(static_cast<std::size_t>(num_elements(tensor)));
  scalar_kernels().widen[static_cast<std::size_t>(dtype)](tensor.data, values.data(),
                                                          static_cast<std::int64_t>(values.size()));
  return values;
}

}  // namespace millrace
