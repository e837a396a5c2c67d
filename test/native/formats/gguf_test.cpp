#include "formats/gguf.hpp"

#include <chrono>

#include "../harness.hpp"
#include "file_builders.hpp"

using namespace millrace;
using namespace millrace::test;

namespace {

constexpr std::uint32_t kF32 = 0, kQ8_0 = 8, kQ4K = 12, kQ5K = 13;

GgufBuilder two_tensors() {
  GgufBuilder builder;
  builder.add_text("general.architecture", "llama");
  builder.tensors = {{"a", {4, 3}, kF32, 48, std::nullopt}, {"b", {64, 2}, kQ8_0, 136, std::nullopt}};
  return builder;
}

GgufBuilder one_tensor(GgufTensorSpec spec) {
  GgufBuilder builder;
  builder.add_text("general.architecture", "llama");
  builder.tensors = {std::move(spec)};
  return builder;
}

void check_refused(const Bytes& bytes, const std::string& reason) {
  CHECK_CONTAINS(CHECK_THROWS_CODE(parse_gguf(bytes, "m.gguf"), "ERR_MODEL_FILE"), reason);
}

void check_refused(const GgufBuilder& builder, const std::string& reason) {
  check_refused(builder.build(), reason);
}

}  // namespace

TEST("a GGUF file gives its tensors with the outermost dimension first") {
  for (const std::uint32_t version : {2u, 3u}) {
    GgufBuilder builder = two_tensors();
    builder.version = version;
    const Bytes bytes = builder.build();
    const GgufFile file = parse_gguf(bytes, "m.gguf");
    CHECK_EQ(file.version, version);
    CHECK_EQ(file.alignment, 32);
    REQUIRE(file.tensors.size() == 2);
    const TensorView& a = file.tensors[0];
    CHECK_EQ(a.shape, (std::vector<std::int64_t>{3, 4}));
    CHECK_EQ(a.bytes, 48);
    CHECK_EQ(a.file_offset, file.data_offset);
    CHECK(require_dtype(a) == DType::kF32);
    const TensorView& b = file.tensors[1];
    CHECK_EQ(b.type_name, "Q8_0");
    CHECK(require_dtype(b) == DType::kQ8_0);
    CHECK_EQ(b.bytes, 136);
    CHECK(b.data == bytes.data() + file.data_offset + 64);
    CHECK(b.data[135] == std::byte{135});
  }
}

TEST("a GGUF tensor of a type that Millrace cannot compute with is listed and refused when it is needed") {
  const Bytes bytes = one_tensor({"blk.0.attn_q.weight", {256, 2}, kQ5K, 352, std::nullopt}).build();
  const GgufFile file = parse_gguf(bytes, "m.gguf");
  CHECK_EQ(file.tensors.at(0).bytes, 352);
  const std::string message = CHECK_THROWS_CODE(require_dtype(file.tensors.at(0)), "ERR_UNSUPPORTED_DTYPE");
  CHECK_CONTAINS(message, "tensor \"blk.0.attn_q.weight\" has the type Q5_K");
}

TEST("other versions, big-endian files and other files are refused, each with its reason") {
  GgufBuilder builder = two_tensors();
  builder.version = 1;
  check_refused(builder, "version 1");
  builder.version = 0x03000000;
  check_refused(builder, "big-endian");
  builder.version = 4;
  check_refused(builder, "is GGUF version 4; Millrace reads versions 2 and 3");
  check_refused(ByteWriter().raw("GGML").number(std::uint64_t{0}).bytes(), "not a GGUF file");
  check_refused(Bytes{}, "the file ends inside the magic number");
}

TEST("every truncation of a valid GGUF file is refused") {
  const Bytes bytes = two_tensors().build();
  CHECK_EQ(parse_gguf(bytes, "m.gguf").tensors.size(), 2);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const Bytes cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    CHECK_THROWS_CODE(parse_gguf(cut, "m.gguf"), "ERR_MODEL_FILE");
  }
}

TEST("counts are compared with the file before anything is allocated") {
  for (const std::uint64_t count : {std::uint64_t{1'000'000}, std::uint64_t{1} << 63, UINT64_MAX}) {
    GgufBuilder tensors = two_tensors();
    tensors.claimed_tensors = count;
    check_refused(tensors, "the number of tensors is " + std::to_string(count));
    GgufBuilder keys = two_tensors();
    keys.claimed_keys = count;
    check_refused(keys, "the number of metadata keys is " + std::to_string(count));
  }
}

TEST("general.alignment must be a power of two up to one MiB") {
  for (const std::uint32_t alignment : {1u, 8u, 64u, 1u << 20}) {
    GgufBuilder builder = two_tensors();
    builder.alignment = alignment;
    builder.add("general.alignment", GgufType::kUint32, alignment);
    const Bytes bytes = builder.build();
    const GgufFile file = parse_gguf(bytes, "m.gguf");
    CHECK_EQ(file.alignment, alignment);
    CHECK_EQ(file.data_offset % alignment, 0);
    CHECK(file.tensors.at(1).data[1] == std::byte{1});
  }
  for (const std::uint32_t alignment : {0u, 3u, 48u, 1u << 21, 0x80000000u}) {
    GgufBuilder builder = two_tensors();
    builder.add("general.alignment", GgufType::kUint32, alignment);
    check_refused(builder, "general.alignment is " + std::to_string(alignment));
  }
  GgufBuilder text = two_tensors();
  text.add_text("general.alignment", "32");
  check_refused(text, "general.alignment");
  GgufBuilder negative = two_tensors();
  negative.add("general.alignment", GgufType::kInt64, INT64_MIN);
  check_refused(negative, "general.alignment is -9223372036854775808");
}

TEST("tensor offsets must be aligned, inside the file and apart from each other") {
  check_refused(one_tensor({"a", {8}, kF32, 32, 16}), "no multiple of general.alignment 32");
  check_refused(one_tensor({"a", {8}, kF32, 32, 32}), "of the data, which has 0");
  for (const std::uint64_t offset : {std::uint64_t{1} << 63, UINT64_MAX - 31}) {
    check_refused(one_tensor({"a", {8}, kF32, 32, offset}), "truncated or damaged");
  }
  GgufBuilder builder = two_tensors();
  builder.tensors[1].bytes = 136;
  builder.tensors.push_back({"c", {8}, kF32, 32, 32});
  check_refused(builder, "overlap");
  builder.tensors.back().offset = 64;
  check_refused(builder, "\"b\" and \"c\" overlap");
}

TEST("dimensions of zero, too many of them, and products that overflow are refused") {
  check_refused(one_tensor({"a_longer_name", {}, kF32, 4, std::nullopt}), "has 0 dimensions");
  check_refused(one_tensor({"a", {1, 1, 1, 1, 1}, kF32, 4, std::nullopt}), "has 5 dimensions");
  check_refused(one_tensor({"a", {0}, kF32, 4, std::nullopt}), "has a dimension of 0");
  check_refused(one_tensor({"a", {std::uint64_t{1} << 63}, kF32, 4, std::nullopt}),
                "has a dimension of 9223372036854775808");
  const std::uint64_t big = std::uint64_t{1} << 32;
  check_refused(one_tensor({"a", {big, big}, kF32, 4, std::nullopt}), "more elements than 64 bits");
  check_refused(one_tensor({"a", {big, big / 4}, kF32, 4, std::nullopt}), "more elements than 64 bits");
  check_refused(one_tensor({"a", {big, big, big, big}, kQ8_0, 4, std::nullopt}),
                "more elements than 64 bits");
  check_refused(one_tensor({"a", {big, big / 2}, kQ4K, 4, std::nullopt}), "more elements than 64 bits");
  check_refused(one_tensor({"a", {big, big / 8}, kF32, 4, std::nullopt}), "truncated or damaged");
}

TEST("rows of a block type must be whole blocks") {
  check_refused(one_tensor({"a", {33, 32}, kQ8_0, 1122, std::nullopt}), "no multiple of the 32 that Q8_0");
  check_refused(one_tensor({"a", {128, 2}, kQ4K, 144, std::nullopt}), "no multiple of the 256 that Q4_K");
}

TEST("unknown and withdrawn tensor types are refused with their number") {
  for (const std::uint32_t type : {4u, 31u, 38u, 1000u, UINT32_MAX}) {
    check_refused(one_tensor({"a", {32}, type, 32, std::nullopt}),
                  "has the type number " + std::to_string(type));
  }
}

TEST("names must be UTF-8 of 1 to 65535 bytes and tensors must have different ones") {
  check_refused(one_tensor({"", {8}, kF32, 32, std::nullopt}), "a tensor's name has 0 bytes");
  check_refused(one_tensor({std::string(65536, 'x'), {8}, kF32, 32, std::nullopt}),
                "a tensor's name has 65536 bytes");
  check_refused(one_tensor({"\xff", {8}, kF32, 32, std::nullopt}), "a tensor's name \"\\xff\" is not UTF-8");
  GgufBuilder builder = two_tensors();
  builder.tensors[1].name = "a";
  check_refused(builder, "tensor \"a\" occurs twice");
}

TEST("a GGUF file with metadata and no tensors may end at its last key") {
  GgufBuilder builder;
  builder.add_texts("tokenizer.ggml.tokens", {"a", "b"});
  const Bytes bytes = builder.build();
  CHECK_EQ(parse_gguf(bytes, "m.gguf").tensors.size(), 0);
}

TEST("a vocabulary of 150,000 tokens is parsed without a string for each") {
  std::vector<std::string> tokens, merges;
  for (int i = 0; i < 150'000; ++i) tokens.push_back("token" + std::to_string(i));
  for (int i = 0; i < 280'000; ++i) merges.push_back("mer " + std::to_string(i));
  GgufBuilder builder;
  builder.add_texts("tokenizer.ggml.tokens", tokens).add_texts("tokenizer.ggml.merges", merges);
  const Bytes bytes = builder.build();
  const auto start = std::chrono::steady_clock::now();
  const GgufFile file = parse_gguf(bytes, "m.gguf");
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  const GgufValue* found = file.metadata.find("tokenizer.ggml.tokens");
  REQUIRE(found != nullptr);
  for (const std::uint64_t i : {0, 1, 77'777, 149'999}) CHECK_EQ(*found->string_at(i), tokens[i]);
  // Milliseconds without sanitizers. The bound is for what must not happen: time that grows with the square.
  CHECK(seconds.count() < 5);
}
