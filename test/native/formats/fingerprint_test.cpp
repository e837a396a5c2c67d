#include "formats/fingerprint.hpp"

#include <set>

#include "../harness.hpp"
#include "file_builders.hpp"
#include "temp_folder.hpp"

using namespace millrace;
using namespace millrace::test;

namespace {

std::string fingerprint_of(const TempFolder& folder, const Bytes& bytes) {
  return fingerprint(open_model_files(folder.write("m", bytes)));
}

// Two tensors of I8 with `first` and `second` bytes.
Bytes two_tensors(std::uint64_t first, std::uint64_t second, const std::string& name = "b") {
  const std::string split = std::to_string(first), end = std::to_string(first + second);
  return safetensors_bytes(R"({"a":{"dtype":"I8","shape":[)" + split + R"(],"data_offsets":[0,)" + split +
                               R"(]},")" + name + R"(":{"dtype":"I8","shape":[)" + std::to_string(second) +
                               R"(],"data_offsets":[)" + split + "," + end + "]}}",
                           first + second);
}

}  // namespace

TEST("the fingerprint of a model is 64 hexadecimal digits that do not depend on its path") {
  const TempFolder one, two;
  const std::string digits = fingerprint_of(one, two_tensors(5, 6));
  CHECK_EQ(digits.size(), 64);
  CHECK_EQ(digits.find_first_not_of("0123456789abcdef"), std::string::npos);
  CHECK_EQ(fingerprint_of(two, two_tensors(5, 6)), digits);
}

TEST("names, shapes, types and every byte of a small model change the fingerprint") {
  const TempFolder folder;
  std::set<std::string> seen;
  const Bytes base = two_tensors(5, 6);
  seen.insert(fingerprint_of(folder, base));
  seen.insert(fingerprint_of(folder, two_tensors(6, 5)));
  seen.insert(fingerprint_of(folder, two_tensors(5, 6, "c")));
  for (std::size_t i = base.size() - 11; i < base.size(); ++i) {
    Bytes changed = base;
    changed[i] ^= std::byte{1};
    seen.insert(fingerprint_of(folder, changed));
  }
  CHECK_EQ(seen.size(), 3 + 11);
}

TEST("a large model is sampled in every tensor, at both ends") {
  const TempFolder folder;
  const std::uint64_t first = 6 << 20, second = 3000;
  const Bytes base = two_tensors(first, second);
  const std::size_t data = base.size() - first - second;
  std::set<std::string> seen = {fingerprint_of(folder, base)};
  for (const std::size_t at : {data, data + first - 1, data + first, data + first + second - 1}) {
    Bytes changed = base;
    changed[at] ^= std::byte{1};
    seen.insert(fingerprint_of(folder, changed));
  }
  CHECK_EQ(seen.size(), 5);
}

TEST("a scalar of the GGUF metadata changes the fingerprint") {
  const TempFolder folder;
  const auto with_base = [](float base) {
    GgufBuilder builder;
    builder.add("llama.rope.freq_base", GgufType::kFloat32, base).add_text("general.name", "x");
    builder.tensors = {{"t", {8}, 0, 32, std::nullopt}};
    return builder.build();
  };
  const std::string digits = fingerprint_of(folder, with_base(10000));
  CHECK(fingerprint_of(folder, with_base(500000)) != digits);
  CHECK_EQ(fingerprint_of(folder, with_base(10000)), digits);
}
