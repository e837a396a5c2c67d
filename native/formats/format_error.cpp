#include "formats/format_error.hpp"

#include "core/error.hpp"

namespace millrace {

void fail_file(std::string_view file, std::string_view problem) {
  throw Error("ERR_MODEL_FILE", std::string(file) + ": " + std::string(problem));
}

void fail_missing(std::string_view file, std::string_view problem) {
  throw Error("ERR_MODEL_FILE_MISSING", std::string(file) + ": " + std::string(problem));
}

std::string quote_name(std::string_view name) {
  constexpr std::size_t kShownBytes = 120;
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : name.substr(0, kShownBytes)) {
    const auto byte = static_cast<unsigned char>(c);
    // Bytes above 0x7f may be cut in half or not be UTF-8 at all, so they are escaped too.
    if (byte < 0x20 || byte >= 0x7f) {
      out += "\\x";
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    } else {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
  }
  return out + (name.size() > kShownBytes ? "...\"" : "\"");
}

std::string list_names(const std::vector<std::string>& names) {
  constexpr std::size_t kShownNames = 12;
  std::string out;
  for (std::size_t i = 0; i < names.size() && i < kShownNames; ++i) out += (i > 0 ? ", " : "") + names[i];
  if (names.size() > kShownNames) out += " and " + std::to_string(names.size() - kShownNames) + " more";
  return out;
}

}  // namespace millrace
