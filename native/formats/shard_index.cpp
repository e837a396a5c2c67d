#include "formats/shard_index.hpp"

#include <map>

#include "formats/format_error.hpp"
#include "formats/json.hpp"

namespace millrace {
namespace {

bool is_plain_file_name(std::string_view name) {
  if (name.empty() || name == "." || name == "..") return false;
  return name.find_first_of(std::string_view("/\\\0", 3)) == std::string_view::npos;
}

}  // namespace

ShardIndex parse_shard_index(std::string_view text, std::string_view file) {
  std::vector<std::pair<std::string, std::string>> weight_map;
  bool has_weight_map = false;
  JsonReader json(text, file);
  json.object([&](const std::string& key) {
    if (key != "weight_map") return json.skip();
    has_weight_map = true;
    json.object([&](const std::string& tensor) { weight_map.emplace_back(tensor, json.string()); });
  });
  json.end();
  if (!has_weight_map || weight_map.empty())
    fail_file(file, "has no weight_map, so it names no file to read");

  std::map<std::string, std::size_t> shard_numbers;
  for (const auto& [tensor, shard] : weight_map) {
    if (!is_plain_file_name(shard)) {
      fail_file(file, "puts the tensor " + quote_name(tensor) + " into " + quote_name(shard) +
                          ", which is not a plain file name; shards must lie beside the index");
    }
    shard_numbers.emplace(shard, 0);
  }
  ShardIndex index;
  for (auto& [shard, number] : shard_numbers) {
    number = index.shards.size();
    index.shards.push_back(shard);
  }
  for (auto& [tensor, shard] : weight_map)
    index.tensors.emplace_back(std::move(tensor), shard_numbers.at(shard));
  return index;
}

}  // namespace millrace
