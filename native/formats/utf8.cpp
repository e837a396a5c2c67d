#include "formats/utf8.hpp"

namespace millrace {
namespace {

struct LeadByte {
  int continuation;           // bytes that follow; -1: not a lead byte
  unsigned char low = 0x80;   // range of the first of them, which excludes overlong forms,
  unsigned char high = 0xbf;  // surrogates and code points above U+10FFFF
};

LeadByte classify(unsigned char byte) {
  if (byte < 0x80) return {0};
  if (byte < 0xc2) return {-1};
  if (byte < 0xe0) return {1};
  if (byte == 0xe0) return {2, 0xa0};
  if (byte == 0xed) return {2, 0x80, 0x9f};
  if (byte < 0xf0) return {2};
  if (byte == 0xf0) return {3, 0x90};
  if (byte < 0xf4) return {3};
  if (byte == 0xf4) return {3, 0x80, 0x8f};
  return {-1};
}

}  // namespace

bool is_valid_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const LeadByte lead = classify(static_cast<unsigned char>(text[i]));
    if (lead.continuation < 0 || static_cast<std::size_t>(lead.continuation) >= text.size() - i) return false;
    unsigned char low = lead.low, high = lead.high;
    for (int k = 1; k <= lead.continuation; ++k) {
      const auto byte = static_cast<unsigned char>(text[i + static_cast<std::size_t>(k)]);
      if (byte < low || byte > high) return false;
      low = 0x80, high = 0xbf;
    }
    i += static_cast<std::size_t>(lead.continuation) + 1;
  }
  return true;
}

void append_utf8(std::string& text, std::uint32_t code_point) {
  const auto tail = [&](int shift) { text += static_cast<char>(0x80 | (code_point >> shift & 0x3f)); };
  if (code_point < 0x80) {
    text += static_cast<char>(code_point);
  } else if (code_point < 0x800) {
    text += static_cast<char>(0xc0 | code_point >> 6);
    tail(0);
  } else if (code_point < 0x10000) {
    text += static_cast<char>(0xe0 | code_point >> 12);
    tail(6), tail(0);
  } else {
    text += static_cast<char>(0xf0 | code_point >> 18);
    tail(12), tail(6), tail(0);
  }
}

}  // namespace millrace
