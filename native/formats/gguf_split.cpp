#include "formats/gguf_split.hpp"

namespace millrace {
namespace {

constexpr std::size_t kDigits = 5;

std::optional<std::uint32_t> parse_digits(std::string_view text) {
  std::uint32_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<std::uint32_t>(c - '0');
  }
  return value;
}

std::string five_digits(std::uint32_t value) {
  const std::string digits = std::to_string(value);
  return std::string(kDigits - digits.size(), '0') + digits;
}

}  // namespace

std::optional<GgufPartName> parse_gguf_part_name(std::string_view file_name) {
  constexpr std::string_view kPattern = "-00001-of-00003.gguf";
  if (file_name.size() <= kPattern.size()) return std::nullopt;
  const std::string_view tail = file_name.substr(file_name.size() - kPattern.size());
  if (tail[0] != '-' || tail.substr(6, 4) != "-of-" || tail.substr(15) != ".gguf") return std::nullopt;
  const auto number = parse_digits(tail.substr(1, kDigits)), count = parse_digits(tail.substr(10, kDigits));
  if (!number || !count || *number < 1 || *number > *count) return std::nullopt;
  return GgufPartName{std::string(file_name.substr(0, file_name.size() - tail.size())), *number, *count};
}

std::string gguf_part_file_name(const GgufPartName& name, std::uint32_t number) {
  return name.prefix + "-" + five_digits(number) + "-of-" + five_digits(name.count) + ".gguf";
}

}  // namespace millrace
