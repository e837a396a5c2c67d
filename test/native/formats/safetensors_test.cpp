#include "formats/safetensors.hpp"

#include "../harness.hpp"
#include "file_builders.hpp"

using namespace millrace;
using namespace millrace::test;

namespace {

SafetensorsFile parse(const Bytes& bytes) {
  return parse_safetensors(bytes, "m.safetensors");
}

SafetensorsFile parse(std::string_view header, std::uint64_t data_bytes) {
  return parse(safetensors_bytes(header, data_bytes));
}

// A header with one tensor "w".
std::string one(std::string_view dtype, std::string_view shape, std::string_view offsets) {
  return R"({"w":{"dtype":")" + std::string(dtype) + R"(","shape":)" + std::string(shape) +
         R"(,"data_offsets":)" + std::string(offsets) + "}}";
}

void check_refused(std::string_view header, std::uint64_t data_bytes, const std::string& reason) {
  CHECK_CONTAINS(CHECK_THROWS_CODE(parse(header, data_bytes), "ERR_MODEL_FILE"), reason);
}

}  // namespace

TEST("a safetensors file gives its tensors and metadata") {
  const Bytes bytes = safetensors_bytes(R"({"__metadata__":{"format":"pt"},)"
                                        R"("a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
                                        R"("b":{"shape":[5],"data_offsets":[24,34],"dtype":"BF16"},)"
                                        R"("scalar":{"dtype":"F16","shape":[],"data_offsets":[34,36]},)"
                                        R"("none":{"dtype":"F32","shape":[0,7],"data_offsets":[36,36]}}   )",
                                        36);
  const SafetensorsFile file = parse(bytes);
  CHECK_EQ(file.metadata.at(0).first, "format");
  CHECK_EQ(file.metadata.at(0).second, "pt");
  REQUIRE(file.tensors.size() == 4);
  const TensorView& a = file.tensors[0];
  CHECK_EQ(a.name, "a");
  CHECK_EQ(a.type_name, "F32");
  CHECK(a.dtype == DType::kF32);
  CHECK_EQ(a.shape, (std::vector<std::int64_t>{2, 3}));
  CHECK_EQ(num_elements(a), 6);
  CHECK_EQ(a.bytes, 24);
  const TensorView& b = file.tensors[1];
  CHECK(b.data == bytes.data() + b.file_offset);
  CHECK(b.data[0] == std::byte{24});
  CHECK(require_dtype(b) == DType::kBF16);
  CHECK_EQ(num_elements(file.tensors[2]), 1);
  CHECK_EQ(num_elements(file.tensors[3]), 0);
}

TEST("the number of elements is zero when a dimension is, however large the others") {
  const SafetensorsFile file = parse(one("F32", "[4611686018427387904,4611686018427387904,0]", "[0,0]"), 0);
  CHECK_EQ(num_elements(file.tensors.at(0)), 0);
}

TEST("a type that Millrace cannot compute with is listed and refused only when it is needed") {
  const SafetensorsFile file = parse(one("F8_E4M3", "[4]", "[0,4]"), 4);
  CHECK_EQ(file.tensors.at(0).type_name, "F8_E4M3");
  const std::string message = CHECK_THROWS_CODE(require_dtype(file.tensors.at(0)), "ERR_UNSUPPORTED_DTYPE");
  CHECK_CONTAINS(message, "tensor \"w\" has the type F8_E4M3");
  CHECK_CONTAINS(message, "F32, F16, BF16, Q8_0, Q4_0, Q4_K and Q6_K");
}

TEST("packed types take whole bytes") {
  CHECK_EQ(parse(one("F4", "[3,2]", "[0,3]"), 3).tensors.at(0).bytes, 3);
  CHECK_EQ(parse(one("F6_E2M3", "[4]", "[0,3]"), 3).tensors.at(0).bytes, 3);
  check_refused(one("F4", "[3]", "[0,1]"), 1, "does not match");
}

TEST("a safetensors file that is too short for its header is refused") {
  CHECK_THROWS_CODE(parse(Bytes{}), "ERR_MODEL_FILE");
  CHECK_THROWS_CODE(parse(Bytes(7)), "ERR_MODEL_FILE");
  const std::string message = CHECK_THROWS_CODE(parse(safetensors_bytes("{}", 0, 3)), "ERR_MODEL_FILE");
  CHECK_CONTAINS(message, "truncated");
}

TEST("a header length is refused above 100 MB, up to 2^64 - 1") {
  for (const std::uint64_t length : {std::uint64_t{100'000'001}, std::uint64_t{1} << 63, UINT64_MAX}) {
    CHECK_CONTAINS(CHECK_THROWS_CODE(parse(safetensors_bytes("{}", 0, length)), "ERR_MODEL_FILE"),
                   "the header claims " + std::to_string(length));
  }
}

TEST("every truncation of a valid safetensors file is refused") {
  const Bytes bytes = safetensors_bytes(
      R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"I8","shape":[3],"data_offsets":[8,11]}})",
      11);
  CHECK_EQ(parse(bytes).tensors.size(), 2);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const Bytes cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    CHECK_THROWS_CODE(parse(cut), "ERR_MODEL_FILE");
  }
}

TEST("offsets outside the data, reversed, or of the wrong number are refused") {
  check_refused(one("F32", "[2]", "[0,8]"), 7, "ends at byte 8 of the data, which has 7");
  check_refused(one("F32", "[2]", "[8,0]"), 8, "begins after its end");
  check_refused(one("F32", "[2]", "[0]"), 8, "two numbers");
  check_refused(one("F32", "[2]", "[0,8,9]"), 8, "more than 2");
  check_refused(one("F32", "[2]", "[18446744073709551608,18446744073709551615]"), 8, "ends at byte");
  check_refused(one("F32", "[2]", "[9223372036854775808,9223372036854775816]"), 8, "ends at byte");
  check_refused(one("F32", "[2]", "[-8,0]"), 8, "zero or more");
}

TEST("shapes whose product does not match the data, or overflows onto it, are refused") {
  check_refused(one("F32", "[3]", "[0,8]"), 8, "does not match the 8 bytes");
  check_refused(one("F32", "[4611686018427387906]", "[0,8]"), 8,
                "does not match");  // 4 * (2^62 + 2) is 8 mod 2^64
  check_refused(one("F32", "[4294967296,4294967296]", "[0,0]"), 0, "does not match");  // 2^66 is 0 mod 2^64
  check_refused(one("BOOL", "[2305843009213693952]", "[0,0]"), 0, "does not match");   // in bits, 2^64
  check_refused(one("F32", "[0,18446744073709551615]", "[0,0]"), 0, "does not match");
  check_refused(one("F32", "[18446744073709551616]", "[0,0]"), 0, "64 bits");
  check_refused(one("F32", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", "[0,4]"), 4, "more than 16");
}

TEST("tensors that share a byte are refused and neighbours are not") {
  const auto two = [](const char* second) {
    return R"({"b":{"dtype":"I8","shape":[4],"data_offsets":)" + std::string(second) +
           R"(},"a":{"dtype":"I8","shape":[4],"data_offsets":[0,4]}})";
  };
  CHECK_EQ(parse(two("[4,8]"), 8).tensors.size(), 2);
  check_refused(two("[3,7]"), 7, "overlap");
  check_refused(two("[0,4]"), 4, "overlap");
}

TEST("bytes after the last tensor are refused and holes between tensors are not") {
  check_refused(one("I8", "[4]", "[0,4]"), 5, "1 bytes follow the last tensor");
  check_refused("{}", 1, "1 bytes follow");
  CHECK_EQ(parse(one("I8", "[4]", "[4,8]"), 8).tensors.size(), 1);
  CHECK_EQ(parse("{}", 0).tensors.size(), 0);
}

TEST("a header that is not the JSON it should be is refused") {
  check_refused(R"([])", 0, "does not begin with {");
  check_refused(R"({"w":1})", 0, "an object is expected");
  check_refused(R"({"w":{}})", 0, "lacks a dtype, a shape or data_offsets");
  check_refused(R"({"w":{"dtype":"F32","shape":[1]}})", 0, "lacks");
  check_refused(one("F33", "[1]", "[0,4]"), 4, "unknown dtype \"F33\"");
  check_refused(one("F32", "[1.0]", "[0,4]"), 4, "whole number");
  check_refused(one("F32", "[[1]]", "[0,4]"), 4, "whole number");
  check_refused(R"({"__metadata__":{"a":1}})", 0, "a string is expected");
  check_refused(one("F32", "[1]", "[0,4]") + "x", 4, "follows the end");
  check_refused(R"({"w":{"dtype":"F32","dtype":"F16","shape":[1],"data_offsets":[0,4]}})", 4, "occurs twice");
}

TEST("a tensor that occurs twice in a header is refused") {
  check_refused(R"({"w":{"dtype":"I8","shape":[1],"data_offsets":[0,1]},)"
                R"("w":{"dtype":"I8","shape":[1],"data_offsets":[1,2]}})",
                2, "the key \"w\" occurs twice");
}

TEST("deep nesting in an unknown field is refused before the stack ends") {
  const std::string deep(5'000'000, '[');
  check_refused(R"({"w":{"extra":)" + deep, 0, "nested");
}

TEST("names in errors are escaped and shortened") {
  const std::string message =
      CHECK_THROWS_CODE(parse(R"({"\u001b[2J)" + std::string(5000, 'x') + R"(":{}})", 0), "ERR_MODEL_FILE");
  CHECK_CONTAINS(message, "\\x1b[2J");
  CHECK(message.size() < 400);
}
