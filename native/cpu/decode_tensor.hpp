#pragma once
#include <vector>

#include "formats/tensor_view.hpp"

namespace millrace {

// All elements as F32, row-major. For small tensors that TypeScript looks at; throws ERR_UNSUPPORTED_DTYPE.
std::vector<float> decode_tensor(const TensorView& tensor);

}  // namespace millrace
