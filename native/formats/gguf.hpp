// The GGUF format, versions 2 and 3, little-endian: metadata, tensor descriptions, then aligned data.
// Specification: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "formats/gguf_value.hpp"
#include "formats/tensor_view.hpp"

namespace millrace {

struct GgufFile {
  std::uint32_t version = 0;
  std::uint64_t alignment = 0;    // of the tensors' offsets
  std::uint64_t data_offset = 0;  // of the data section, in the file
  GgufMetadata metadata;
  std::vector<TensorView> tensors;  // in the file's order; shapes outermost first, the reverse of the file's
};

// Reads a file that lies in memory; views and metadata point into `bytes`. Throws ERR_MODEL_FILE, with `file`
// as the name, for anything malformed, and for tensor types that the format does not define. Tensors of types
// that Millrace cannot compute with are listed.
GgufFile parse_gguf(std::span<const std::byte> bytes, std::string_view file);

// Whether the bytes begin with the magic number.
bool looks_like_gguf(std::span<const std::byte> bytes);

}  // namespace millrace
