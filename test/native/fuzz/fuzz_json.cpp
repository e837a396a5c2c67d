// Fuzzes the JSON reader and the reader of shard indexes.
#include <stdexcept>
#include <string>
#include <string_view>

#include "core/error.hpp"
#include "formats/json.hpp"
#include "formats/shard_index.hpp"
#include "formats/utf8.hpp"
#include "fuzz_target.hpp"

namespace millrace::fuzz {
namespace {

std::string random_value(Rng& rng, int depth);

std::string random_string(Rng& rng) {
  constexpr const char* kPieces[] = {
      "a", "\\n", "\\u0041", "\\ud83d\\ude00", "\xc3\xa9", "\xf0\x9f\x98\x80", "\\\"", " ", "/"};
  std::string text = "\"";
  for (std::uint64_t i = below(rng, 5); i > 0; --i) text += kPieces[below(rng, std::size(kPieces))];
  return text + "\"";
}

std::string random_members(Rng& rng, int depth, bool with_keys) {
  std::string text;
  for (std::uint64_t i = below(rng, 4); i > 0; --i) {
    text += text.empty() ? "" : ",";
    if (with_keys) text += "\"k" + std::to_string(i) + "\":";
    text += random_value(rng, depth + 1);
  }
  return text;
}

std::string random_value(Rng& rng, int depth) {
  constexpr const char* kScalars[] = {"null", "true", "false", "0", "-12.5e-3", "18446744073709551615"};
  switch (below(rng, depth < 5 ? 5 : 2)) {
    case 0:
      return kScalars[below(rng, std::size(kScalars))];
    case 1:
      return random_string(rng);
    case 2:
      return "[" + random_members(rng, depth, false) + "]";
    default:
      return "{" + random_members(rng, depth, true) + "}";
  }
}

std::string random_index(Rng& rng) {
  std::string text = "{\"metadata\":" + random_value(rng, 2) + ",\"weight_map\":{\"w\":\"a\"";
  for (std::uint64_t i = below(rng, 4); i > 0; --i) {
    text += ",\"w" + std::to_string(i) + "\":\"model-" + std::to_string(below(rng, 3)) + ".safetensors\"";
  }
  return text + "}}";
}

// Reads whatever comes next, through the members that skip() does not use.
void read_value(JsonReader& json, std::string_view text) {
  const char first = text.empty() ? ' ' : text.front();
  if (first == '"') {
    if (!is_valid_utf8(json.string())) throw std::logic_error("a string that is not UTF-8");
  } else if (first == '{') {
    json.object([&](const std::string&) { json.skip(); });
  } else if (first == '[') {
    json.array([&] { json.skip(); });
  } else {
    json.unsigned_integer();
  }
  json.end();
}

template <typename F>
bool accepts(F&& read) {
  try {
    read();
    return true;
  } catch (const Error& error) {
    if (error.code() != "ERR_MODEL_FILE") throw;
    return false;
  }
}

}  // namespace

Input make_seed(Rng& rng) {
  const std::string text = one_in(rng, 2) ? random_index(rng) : random_value(rng, 0);
  return Input(text.begin(), text.end());
}

void repair(Input&) {}

bool parses(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const bool valid = accepts([&] {
    JsonReader json(text, "fuzz.json");
    json.skip();
    json.end();
  });
  const bool read = accepts([&] {
    JsonReader json(text, "fuzz.json");
    read_value(json, text);
  });
  const bool index = accepts([&] {
    for (const auto& [tensor, shard] : parse_shard_index(text, "fuzz.json").tensors)
      touch(std::byte(tensor.size() + shard));
  });
  // skip() allows more than the others: duplicate keys, any number, any document.
  if ((read || index) && !valid) throw std::logic_error("skip() refuses what another member accepts");
  return valid;
}

}  // namespace millrace::fuzz
