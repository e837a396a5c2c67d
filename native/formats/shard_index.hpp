// model.safetensors.index.json: which file of a sharded checkpoint holds which tensor.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace {

struct ShardIndex {
  std::vector<std::string> shards;                           // plain file names, sorted, each once
  std::vector<std::pair<std::string, std::size_t>> tensors;  // name, index into shards
};

// Throws ERR_MODEL_FILE, with `file` as the name, when the text is not such an index or names a shard that is
// not a plain file name: a downloaded index must not lead out of its folder.
ShardIndex parse_shard_index(std::string_view text, std::string_view file);

}  // namespace millrace
