// Fuzzes the safetensors reader.
#include <algorithm>
#include <cstring>
#include <string>

#include "formats/safetensors.hpp"
#include "touch_tensors.hpp"

namespace millrace::fuzz {
namespace {

struct Type {
  const char* name;
  std::uint64_t bits;
};
constexpr Type kTypes[] = {{"F32", 32}, {"BF16", 16},   {"F16", 16}, {"I8", 8},
                           {"F4", 4},   {"F6_E2M3", 6}, {"C64", 64}};

std::string random_space(Rng& rng) {
  return one_in(rng, 8) ? " " : "";
}

// Appends the entry of a tensor that begins at `offset`, and moves `offset` to its end.
void add_tensor(std::string& header, std::uint64_t number, std::uint64_t& offset, Rng& rng) {
  const Type& type = kTypes[below(rng, std::size(kTypes))];
  std::uint64_t bits = type.bits;
  std::string shape;
  if (bits < 8) {
    bits *= 4;  // whole bytes
    shape = "4";
  }
  for (std::uint64_t i = below(rng, 4); i > 0; --i) {
    const std::uint64_t size = one_in(rng, 16) ? 0 : 1 + below(rng, 3);
    bits *= size;
    shape += (shape.empty() ? "" : ",") + std::to_string(size);
  }
  const std::uint64_t end = offset + bits / 8;
  header += "\"t" + std::to_string(number) + "\":" + random_space(rng) + "{\"dtype\":\"" + type.name +
            "\",\"shape\":[" + shape + "],\"data_offsets\":[" + std::to_string(offset) + "," +
            random_space(rng) + std::to_string(end) + "]" +
            (one_in(rng, 8) ? ",\"x\":[{\"y\":null},-1.5e3]}" : "}");
  offset = end;
}

}  // namespace

Input make_seed(Rng& rng) {
  std::string header = "{";
  if (one_in(rng, 2)) header += "\"__metadata__\":{\"format\":\"pt\",\"\\u00e9\":\"\\ud83d\\ude00\"}";
  std::uint64_t data_bytes = 0;
  for (std::uint64_t i = below(rng, 5); i > 0; --i) {
    if (header.size() > 1) header += ",";
    add_tensor(header, i, data_bytes, rng);
  }
  header += "}" + std::string(below(rng, 8), ' ');
  Input input(8 + header.size() + data_bytes);
  const std::uint64_t header_bytes = header.size();
  std::memcpy(input.data(), &header_bytes, 8);
  std::memcpy(input.data() + 8, header.data(), header.size());
  return input;
}

// The header's length, up to its last brace: the data are zeros.
void repair(Input& input) {
  if (input.size() < 8) return;
  const auto end = std::find(input.rbegin(), input.rend() - 8, std::uint8_t{'}'}).base();
  const auto header_bytes = static_cast<std::uint64_t>(end - input.begin()) - 8;
  std::memcpy(input.data(), &header_bytes, 8);
}

bool parses(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  try {
    const SafetensorsFile file = parse_safetensors(bytes, "fuzz.safetensors");
    touch_tensors(file.tensors, bytes);
    for (const auto& [key, value] : file.metadata) {
      for (const char c : key + value) touch(static_cast<std::byte>(c));
    }
    return true;
  } catch (const Error& error) {
    if (error.code() != "ERR_MODEL_FILE") throw;
    return false;
  }
}

}  // namespace millrace::fuzz
