#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace millrace {

// Whether the text is well-formed UTF-8: no overlong form, no surrogate, nothing above U+10FFFF.
// Unicode 15, table 3-7.
bool is_valid_utf8(std::string_view text);

// Appends a code point, which must be a scalar value.
void append_utf8(std::string& text, std::uint32_t code_point);

}  // namespace millrace
