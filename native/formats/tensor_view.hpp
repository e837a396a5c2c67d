// A tensor as a model file describes it: a view into the mapped bytes.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/dtype.hpp"

namespace millrace {

struct TensorView {
  std::string name;
  // The type as the file's format calls it, such as "BF16" or "Q4_K". Static text.
  std::string_view type_name;
  // Nothing when Millrace cannot compute with the type; see require_dtype().
  std::optional<DType> dtype;
  // Elements per dimension, outermost first (row-major), whatever the file's own order. Empty: a scalar.
  std::vector<std::int64_t> shape;
  // The first of `bytes` bytes. It is not aligned to anything: read elements with memcpy or unaligned loads.
  const std::byte* data = nullptr;
  std::uint64_t bytes = 0;
  // Where the data begins in its file.
  std::uint64_t file_offset = 0;
  // Which of the model's files it is in.
  std::size_t file_index = 0;
};

// The tensor's type. Throws ERR_UNSUPPORTED_DTYPE, which names the tensor, its type and the types that work.
DType require_dtype(const TensorView& tensor);

// Number of elements; the readers have checked that the product fits.
std::int64_t num_elements(const TensorView& tensor);

// Throws ERR_MODEL_FILE when two tensors share a byte. Tensors without bytes share none.
void check_no_overlap(const std::vector<TensorView>& tensors, std::string_view file);

}  // namespace millrace
