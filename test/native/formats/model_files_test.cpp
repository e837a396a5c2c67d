#include "formats/model_files.hpp"

#include <unistd.h>

#include <utility>

#include "../harness.hpp"
#include "file_builders.hpp"
#include "formats/gguf_split.hpp"
#include "temp_folder.hpp"

using namespace millrace;
using namespace millrace::test;

namespace {

// A safetensors file with one tensor of four bytes.
Bytes one_tensor(const std::string& name) {
  return safetensors_bytes(R"({")" + name + R"(":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4);
}

Bytes gguf_part(int number, int count, const std::string& tensor, int num_tensors) {
  GgufBuilder builder;
  if (number == 0) builder.add_text("general.architecture", "llama");
  builder.add("split.no", GgufType::kUint16, static_cast<std::uint16_t>(number));
  builder.add("split.count", GgufType::kUint16, static_cast<std::uint16_t>(count));
  builder.add("split.tensors.count", GgufType::kInt32, static_cast<std::int32_t>(num_tensors));
  builder.tensors = {{tensor, {8}, 0, 32, std::nullopt}};
  return builder.build();
}

const char* const kIndex = "model.safetensors.index.json";

std::string check_fails(const std::filesystem::path& path, const char* code) {
  return CHECK_THROWS_CODE(open_model_files(path), code);
}

}  // namespace

TEST("a folder with model.safetensors is opened, and its tensors survive a move") {
  const TempFolder folder;
  folder.write("model.safetensors", one_tensor("w"));
  folder.write("other.safetensors", one_tensor("x"));
  ModelFiles opened = open_model_files(folder.path());
  const ModelFiles model = std::move(opened);
  CHECK(model.format() == ModelFormat::kSafetensors);
  CHECK_EQ(model.files().size(), 1);
  CHECK_EQ(model.tensor_bytes(), 4);
  CHECK(model.require("w").data[3] == std::byte{3});
  CHECK(model.find("x") == nullptr);
  CHECK_CONTAINS(CHECK_THROWS_CODE(model.require("x"), "ERR_MODEL_FILE"),
                 "there is no tensor \"x\" among the 1");
}

TEST("a folder whose only safetensors file has another name is opened, and several are refused by name") {
  const TempFolder folder;
  folder.write("weights.safetensors", one_tensor("w"));
  CHECK(open_model_files(folder.path()).find("w") != nullptr);
  folder.write("adapter.safetensors", one_tensor("x"));
  const std::string message = check_fails(folder.path(), "ERR_MODEL_FILE");
  CHECK_CONTAINS(message, "adapter.safetensors, weights.safetensors");
}

TEST("a sharded checkpoint is opened by its index, before any other file") {
  const TempFolder folder;
  folder.write("a.safetensors", one_tensor("first"));
  folder.write("b.safetensors", one_tensor("second"));
  folder.write("model.safetensors", one_tensor("stale"));
  folder.write(kIndex, R"({"weight_map":{"second":"b.safetensors","first":"a.safetensors"}})");
  const ModelFiles model = open_model_files(folder.path());
  CHECK_EQ(model.files().size(), 2);
  CHECK_EQ(model.require("first").file_index, 0);
  CHECK_EQ(model.require("second").file_index, 1);
  CHECK(model.find("stale") == nullptr);
}

TEST("missing shards are listed by name") {
  const TempFolder folder;
  folder.write("a.safetensors", one_tensor("first"));
  folder.write(kIndex, R"({"weight_map":{"first":"a.safetensors","x":"c.safetensors","y":"b.safetensors"}})");
  const std::string message = check_fails(folder.path(), "ERR_MODEL_FILE_MISSING");
  CHECK_CONTAINS(message, "2 of the model's 3 files are missing: b.safetensors, c.safetensors");
}

TEST("an index that contradicts its shards is refused") {
  const TempFolder folder;
  folder.write("a.safetensors", one_tensor("first"));
  folder.write("b.safetensors", one_tensor("second"));
  folder.write(kIndex, R"({"weight_map":{"first":"b.safetensors","second":"a.safetensors"}})");
  CHECK_CONTAINS(check_fails(folder.path(), "ERR_MODEL_FILE"), "says that the tensor");
  folder.write(kIndex, R"({"weight_map":{"first":"a.safetensors","third":"b.safetensors"}})");
  CHECK_CONTAINS(check_fails(folder.path(), "ERR_MODEL_FILE"), "the tensor \"third\" is in b.safetensors");
}

TEST("a tensor that is in two shards is refused") {
  const TempFolder folder;
  folder.write("a.safetensors", one_tensor("w"));
  folder.write("b.safetensors", one_tensor("w"));
  folder.write(kIndex, R"({"weight_map":{"w":"a.safetensors","v":"b.safetensors"}})");
  CHECK_CONTAINS(check_fails(folder.path(), "ERR_MODEL_FILE"), "tensor \"w\" is also in");
}

TEST("a damaged or missing index is refused") {
  const TempFolder folder;
  folder.write(kIndex, "{\"weight_map\":");
  CHECK_CONTAINS(check_fails(folder.path(), "ERR_MODEL_FILE"), "invalid JSON");
  folder.write(kIndex, "");
  CHECK_CONTAINS(check_fails(folder.path(), "ERR_MODEL_FILE"), "is empty");
}

TEST("a file is recognised by its content, whatever its suffix") {
  const TempFolder folder;
  GgufBuilder builder;
  builder.tensors = {{"t", {8}, 0, 32, std::nullopt}};
  const ModelFiles gguf = open_model_files(folder.write("model.bin", builder.build()));
  CHECK(gguf.format() == ModelFormat::kGguf);
  CHECK_EQ(gguf.require("t").bytes, 32);
  const ModelFiles safetensors = open_model_files(folder.write("model.gguf", one_tensor("w")));
  CHECK(safetensors.format() == ModelFormat::kSafetensors);
}

TEST("files that are often mistaken for models are named for what they are") {
  const TempFolder folder;
  const auto check = [&](std::string_view content, const char* reason) {
    CHECK_CONTAINS(check_fails(folder.write("m.gguf", content), "ERR_MODEL_FILE"), reason);
  };
  check("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n", "Git LFS pointer");
  check("<!DOCTYPE html><html>", "web page");
  check("PK\x03\x04 zip", "PyTorch");
  check("tjgg....", "older than GGUF");
  check("some text", "neither safetensors nor GGUF");
  check("G", "neither safetensors nor GGUF");
}

TEST("a folder without weights says what is in it and what to do") {
  const TempFolder folder;
  CHECK_CONTAINS(check_fails(folder.path() / "none", "ERR_MODEL_FILE_MISSING"), "no such file or folder");
  CHECK_CONTAINS(check_fails(folder.path(), "ERR_MODEL_FILE_MISSING"), "is it a model's folder?");
  folder.write("pytorch_model.bin", "x");
  CHECK_CONTAINS(check_fails(folder.path(), "ERR_MODEL_FILE_MISSING"), "convert the model to safetensors");
  folder.write("m-q8.gguf", "x");
  CHECK_CONTAINS(check_fails(folder.path(), "ERR_MODEL_FILE_MISSING"), "name the file itself: m-q8.gguf");
}

TEST("a split GGUF model is opened by any of its parts") {
  const TempFolder folder;
  folder.write("m-00001-of-00002.gguf", gguf_part(0, 2, "a", 2));
  folder.write("m-00002-of-00002.gguf", gguf_part(1, 2, "b", 2));
  for (const char* name : {"m-00001-of-00002.gguf", "m-00002-of-00002.gguf"}) {
    const ModelFiles model = open_model_files(folder.path() / name);
    CHECK_EQ(model.files().size(), 2);
    CHECK_EQ(model.require("a").file_index, 0);
    CHECK_EQ(model.require("b").file_index, 1);
    CHECK_EQ(*model.gguf_metadata().get_string("general.architecture"), "llama");
  }
}

TEST("a split GGUF model with a missing, foreign or misnamed part is refused") {
  const TempFolder folder;
  const auto first = folder.write("m-00001-of-00003.gguf", gguf_part(0, 3, "a", 3));
  CHECK_CONTAINS(check_fails(first, "ERR_MODEL_FILE_MISSING"),
                 "2 of the model's 3 parts are missing: m-00002-of-00003.gguf, m-00003-of-00003.gguf");
  folder.write("m-00002-of-00003.gguf", gguf_part(2, 3, "b", 3));
  folder.write("m-00003-of-00003.gguf", gguf_part(2, 3, "c", 3));
  CHECK_CONTAINS(check_fails(first, "ERR_MODEL_FILE"), "does not say that it is part 2 of 3");
  folder.write("m-00002-of-00003.gguf", gguf_part(1, 3, "a", 3));
  CHECK_CONTAINS(check_fails(first, "ERR_MODEL_FILE"), "tensor \"a\" is also in");
  folder.write("n-00001-of-00002.gguf", gguf_part(0, 2, "a", 5));
  folder.write("n-00002-of-00002.gguf", gguf_part(1, 2, "b", 5));
  CHECK_CONTAINS(check_fails(folder.path() / "n-00001-of-00002.gguf", "ERR_MODEL_FILE"),
                 "split.tensors.count says 5");
  CHECK_CONTAINS(check_fails(folder.write("part.gguf", gguf_part(0, 2, "a", 2)), "ERR_MODEL_FILE"),
                 "rename the parts");
}

TEST("the name of a GGUF part is taken apart and put together again") {
  const auto name = parse_gguf_part_name("llama-70b-00007-of-00012.gguf");
  REQUIRE(name.has_value());
  CHECK_EQ(name->prefix, "llama-70b");
  CHECK_EQ(name->number, 7);
  CHECK_EQ(name->count, 12);
  CHECK_EQ(gguf_part_file_name(*name, 12), "llama-70b-00012-of-00012.gguf");
  for (const char* bad : {"m.gguf", "m-00000-of-00002.gguf", "m-00003-of-00002.gguf", "m-0001-of-0002.gguf",
                          "m-0000a-of-00002.gguf", "-00001-of-00002.gguf", "m-00001-of-00002.bin"}) {
    CHECK(!parse_gguf_part_name(bad));
  }
}

TEST("a sparse file of 64 GiB costs address space and nothing else") {
  const TempFolder folder;
  const std::uint64_t bytes = std::uint64_t{64} << 30;
  GgufBuilder builder;
  builder.tensors = {{"huge", {bytes / 8, 1}, 0, bytes / 2, 0}};
  const auto path = folder.write("sparse.gguf", builder.build());
  if (::truncate(path.c_str(), static_cast<off_t>(bytes)) != 0) SKIP("no sparse files on this file system");
  const ModelFiles model = open_model_files(path);
  CHECK_EQ(model.require("huge").bytes, bytes / 2);
  CHECK(model.require("huge").data[bytes / 2 - 1] == std::byte{0});
  builder.tensors[0].dims[1] = 3;
  folder.write("sparse.gguf", builder.build());
  REQUIRE(::truncate(path.c_str(), static_cast<off_t>(bytes)) == 0);
  CHECK_CONTAINS(check_fails(path, "ERR_MODEL_FILE"), "needs 103079215104 bytes");
}
