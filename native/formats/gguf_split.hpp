// Split GGUF files: name-00001-of-00003.gguf and so on, as llama.cpp's gguf-split writes them. Each part is a
// GGUF file with its own tensors; the first one has the model's metadata.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace millrace {

struct GgufPartName {
  std::string prefix;        // the name up to "-00001-of-00003.gguf"
  std::uint32_t number = 0;  // 1 to count
  std::uint32_t count = 0;
};

// Nothing when the file name is not of that form.
std::optional<GgufPartName> parse_gguf_part_name(std::string_view file_name);

// The file name of part `number`, counted from 1.
std::string gguf_part_file_name(const GgufPartName& name, std::uint32_t number);

}  // namespace millrace
