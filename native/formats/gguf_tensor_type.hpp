#pragma once
#include <cstdint>
#include <string_view>

namespace millrace {

// How GGUF stores a tensor's rows: blocks of `block_elements` elements in `block_bytes` bytes.
struct GgufTensorType {
  std::uint32_t id;
  std::string_view name;
  std::uint32_t block_elements;
  std::uint32_t block_bytes;
};

// Null for an id that is unknown or was withdrawn.
const GgufTensorType* find_gguf_tensor_type(std::uint32_t id);

}  // namespace millrace
