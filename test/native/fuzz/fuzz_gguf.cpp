// Fuzzes the GGUF reader.
#include <cstring>
#include <string>

#include "../formats/file_builders.hpp"
#include "formats/gguf.hpp"
#include "touch_tensors.hpp"

namespace millrace::fuzz {
namespace {

using test::ByteWriter;
using test::GgufBuilder;

std::string random_text(Rng& rng) {
  std::string text(below(rng, 12), 'a');
  for (char& c : text) c = static_cast<char>('a' + below(rng, 26));
  return text;
}

void write_random(ByteWriter& out, GgufType type, Rng& rng, int depth);

void write_random_array(ByteWriter& out, Rng& rng, int depth) {
  auto type = static_cast<GgufType>(below(rng, 13));
  if (type == GgufType::kArray && depth >= 4) type = GgufType::kString;
  const std::uint64_t count = below(rng, 6);
  out.type(type).number(count);
  for (std::uint64_t i = 0; i < count; ++i) write_random(out, type, rng, depth + 1);
}

void write_random(ByteWriter& out, GgufType type, Rng& rng, int depth) {
  switch (type) {
    case GgufType::kUint8:
    case GgufType::kInt8:
      out.number(static_cast<std::uint8_t>(rng()));
      return;
    case GgufType::kBool:
      out.number(static_cast<std::uint8_t>(below(rng, 2)));
      return;
    case GgufType::kUint16:
    case GgufType::kInt16:
      out.number(static_cast<std::uint16_t>(rng()));
      return;
    case GgufType::kUint32:
    case GgufType::kInt32:
    case GgufType::kFloat32:
      out.number(static_cast<std::uint32_t>(rng()));
      return;
    case GgufType::kUint64:
    case GgufType::kInt64:
    case GgufType::kFloat64:
      out.number(rng());
      return;
    case GgufType::kString:
      out.text(random_text(rng));
      return;
    case GgufType::kArray:
      return write_random_array(out, rng, depth);
  }
}

// Of the types that Millrace computes with, and of Q5_K.
test::GgufTensorSpec random_tensor(std::size_t number, Rng& rng) {
  struct Type {
    std::uint32_t id;
    std::uint64_t block_elements, block_bytes;
  };
  constexpr Type kTypes[] = {{0, 1, 4},      {1, 1, 2},      {2, 32, 18},    {8, 32, 34},
                             {12, 256, 144}, {13, 256, 176}, {14, 256, 210}, {30, 1, 2}};
  const Type& type = kTypes[below(rng, std::size(kTypes))];
  const std::uint64_t blocks = 1 + below(rng, 4);
  test::GgufTensorSpec spec;
  spec.name = "t" + std::to_string(number);
  spec.type = type.id;
  spec.dims = {blocks * type.block_elements};
  spec.bytes = blocks * type.block_bytes;
  for (std::uint64_t i = below(rng, 4); i > 0; --i) {
    spec.dims.push_back(1 + below(rng, 3));
    spec.bytes *= spec.dims.back();
  }
  return spec;
}

void touch_value(const GgufValue& value) {
  for (const std::byte byte : value.raw()) touch(byte);
  for (std::uint64_t i = 0; i < value.size(); ++i) {
    if (const auto text = value.string_at(i)) {
      for (const char c : *text) touch(static_cast<std::byte>(c));
    }
    if (const GgufValue* array = value.array_at(i)) touch_value(*array);
    touch(static_cast<std::byte>(value.int_at(i).value_or(0) & 1));
    touch(static_cast<std::byte>(value.double_at(i).value_or(0) > 0));
    touch(static_cast<std::byte>(value.bool_at(i).value_or(false)));
  }
}

}  // namespace

Input make_seed(Rng& rng) {
  GgufBuilder builder;
  builder.version = 2 + static_cast<std::uint32_t>(below(rng, 2));
  builder.add_text("general.architecture", "llama");
  if (one_in(rng, 2)) {
    builder.alignment = std::uint64_t{1} << below(rng, 8);
    builder.add("general.alignment", GgufType::kUint32, static_cast<std::uint32_t>(builder.alignment));
  }
  for (std::uint64_t i = below(rng, 8); i > 0; --i) {
    const auto type = static_cast<GgufType>(below(rng, 13));
    ByteWriter value;
    write_random(value, type, rng, 0);
    builder.add_raw("key" + std::to_string(i), type, value.bytes());
  }
  for (std::size_t i = below(rng, 4); i > 0; --i) builder.tensors.push_back(random_tensor(i, rng));
  const test::Bytes bytes = builder.build();
  Input input(bytes.size());
  std::memcpy(input.data(), bytes.data(), bytes.size());
  return input;
}

// The magic number and the version.
void repair(Input& input) {
  constexpr std::uint8_t kStart[] = {'G', 'G', 'U', 'F', 3, 0, 0, 0};
  if (input.size() >= sizeof(kStart)) std::memcpy(input.data(), kStart, sizeof(kStart));
}

bool parses(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  try {
    const GgufFile file = parse_gguf(bytes, "fuzz.gguf");
    touch_tensors(file.tensors, bytes);
    for (const auto& [key, value] : file.metadata.entries()) {
      if (file.metadata.find(key) != &value) throw std::logic_error("a key that is not found");
      touch_value(value);
    }
    return true;
  } catch (const Error& error) {
    if (error.code() != "ERR_MODEL_FILE") throw;
    return false;
  }
}

}  // namespace millrace::fuzz
