// The safetensors format: 8 bytes of header length, a JSON header, then the tensors' bytes.
// Specification: https://huggingface.co/docs/safetensors
#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "formats/tensor_view.hpp"

namespace millrace {

struct SafetensorsFile {
  std::vector<TensorView> tensors;                            // in the header's order
  std::vector<std::pair<std::string, std::string>> metadata;  // the "__metadata__" entry
};

// Reads the header of a file that lies in memory; the views point into `bytes`. Throws ERR_MODEL_FILE, with
// `file` as the name, for anything that the specification forbids, except for holes between tensors, which
// are harmless. Tensors of types that Millrace cannot compute with are listed.
SafetensorsFile parse_safetensors(std::span<const std::byte> bytes, std::string_view file);

// Whether the bytes begin like a safetensors file.
bool looks_like_safetensors(std::span<const std::byte> bytes);

}  // namespace millrace
