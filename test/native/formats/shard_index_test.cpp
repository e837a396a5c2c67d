#include "formats/shard_index.hpp"

#include "../harness.hpp"

using namespace millrace;

namespace {

void check_refused(std::string_view text, const std::string& reason) {
  CHECK_CONTAINS(CHECK_THROWS_CODE(parse_shard_index(text, "index.json"), "ERR_MODEL_FILE"), reason);
}

}  // namespace

TEST("a shard index gives each shard once and each tensor its shard") {
  const ShardIndex index = parse_shard_index(
      R"({"metadata":{"total_size":12,"x":[1]},"weight_map":{"b":"m-2.safetensors","a":"m-1.safetensors","c":"m-2.safetensors"}})",
      "index.json");
  CHECK_EQ(index.shards, (std::vector<std::string>{"m-1.safetensors", "m-2.safetensors"}));
  REQUIRE(index.tensors.size() == 3);
  CHECK_EQ(index.tensors[0].first, "b");
  CHECK_EQ(index.tensors[0].second, 1);
  CHECK_EQ(index.tensors[1].second, 0);
}

TEST("a shard name that leads out of the folder is refused") {
  for (const char* name : {"../x.safetensors", "/etc/passwd", "a/b", "..", ".", "", "a\\\\b", "x\\u0000y"}) {
    check_refused(R"({"weight_map":{"w":")" + std::string(name) + R"("}})", "not a plain file name");
  }
}

TEST("an index without a weight map, or with a tensor twice, is refused") {
  check_refused("{}", "no weight_map");
  check_refused(R"({"weight_map":{}})", "no weight_map");
  check_refused(R"({"weight_map":[]})", "an object is expected");
  check_refused(R"({"weight_map":{"w":1}})", "a string is expected");
  check_refused(R"({"weight_map":{"w":"a","w":"b"}})", "the key \"w\" occurs twice");
  check_refused(R"({"weight_map":{"w":"a"}}})", "follows the end");
}
