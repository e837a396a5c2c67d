// Random changes that break files in the ways that break readers.
#pragma once
#include <algorithm>
#include <cstring>
#include <iterator>
#include <string>

#include "fuzz_target.hpp"

namespace millrace::fuzz {

inline constexpr std::size_t kMaxInputBytes = 1 << 16;

// Values at which size arithmetic goes wrong.
inline std::uint64_t boundary_value(const Input& input, Rng& rng) {
  const std::uint64_t size = input.size();
  const std::uint64_t values[] = {0,
                                  1,
                                  std::uint64_t{1} << below(rng, 64),
                                  (std::uint64_t{1} << below(rng, 64)) - 1,
                                  UINT64_MAX - below(rng, 64),
                                  (std::uint64_t{1} << 63) + below(rng, 64),
                                  UINT64_MAX << below(rng, 64),  // aligned, and near the top
                                  size + below(rng, 9) - 4,
                                  size / (1 + below(rng, 16)),
                                  UINT64_MAX - size + below(rng, 9) - 4,
                                  rng()};
  return values[below(rng, std::size(values))];
}

inline std::size_t position(const Input& input, Rng& rng) {
  return below(rng, input.size());
}

inline void flip_bit(Input& input, Rng& rng) {
  input[position(input, rng)] ^= static_cast<std::uint8_t>(1u << below(rng, 8));
}

inline void set_byte(Input& input, Rng& rng) {
  input[position(input, rng)] = static_cast<std::uint8_t>(rng());
}

inline void write_integer(Input& input, std::size_t at, std::uint64_t value, std::size_t width) {
  std::memcpy(input.data() + at, &value, std::min(width, input.size() - at));
}

inline void set_integer(Input& input, Rng& rng) {
  write_integer(input, position(input, rng), boundary_value(input, rng), std::size_t{1} << below(rng, 4));
}

// Looks for something that reads like a 64-bit count or length, and changes that.
inline void attack_length_field(Input& input, Rng& rng) {
  if (input.size() < 8) return;
  const std::size_t start = below(rng, input.size() - 7);
  for (std::size_t i = 0; i + 8 <= input.size(); ++i) {
    const std::size_t at = (start + i) % (input.size() - 7);
    std::uint64_t value = 0;
    std::memcpy(&value, input.data() + at, 8);
    if (value == 0 || value > input.size()) continue;
    write_integer(input, at, one_in(rng, 3) ? value + below(rng, 5) - 2 : boundary_value(input, rng), 8);
    return;
  }
}

// Replaces a decimal number in text by another one.
inline void replace_decimal(Input& input, Rng& rng) {
  const auto is_digit = [](std::uint8_t c) { return c >= '0' && c <= '9'; };
  const auto start = input.begin() + static_cast<std::ptrdiff_t>(position(input, rng));
  const auto first = std::find_if(start, input.end(), is_digit);
  if (first == input.end()) return;
  const auto last = std::find_if_not(first, input.end(), is_digit);
  const std::string text = std::to_string(boundary_value(input, rng)) + (one_in(rng, 16) ? "0" : "");
  const auto at = input.erase(first, last);
  input.insert(at, text.begin(), text.end());
}

inline void truncate(Input& input, Rng& rng) {
  input.resize(position(input, rng));
}

inline void extend(Input& input, Rng& rng) {
  input.resize(input.size() + 1 + below(rng, 64), static_cast<std::uint8_t>(rng()));
}

// A random piece, at most 256 bytes.
inline Input piece_of(const Input& input, Rng& rng) {
  if (input.empty()) return {};
  const std::size_t begin = position(input, rng);
  const std::size_t size = std::min<std::size_t>(input.size() - begin, 1 + below(rng, 256));
  return {input.begin() + static_cast<std::ptrdiff_t>(begin),
          input.begin() + static_cast<std::ptrdiff_t>(begin + size)};
}

inline void erase_piece(Input& input, Rng& rng) {
  const std::size_t begin = position(input, rng);
  const std::size_t size = std::min<std::size_t>(input.size() - begin, 1 + below(rng, 64));
  const auto first = input.begin() + static_cast<std::ptrdiff_t>(begin);
  input.erase(first, first + static_cast<std::ptrdiff_t>(size));
}

inline void insert_piece(Input& input, const Input& piece, Rng& rng) {
  input.insert(input.begin() + static_cast<std::ptrdiff_t>(below(rng, input.size() + 1)), piece.begin(),
               piece.end());
}

// For readers that recurse: the same few bytes thousands of times.
inline void repeat_piece(Input& input, Rng& rng) {
  Input piece = piece_of(input, rng);
  piece.resize(std::min<std::size_t>(piece.size(), 1 + below(rng, 16)));
  Input repeated;
  for (std::uint64_t i = 2 + below(rng, one_in(rng, 8) ? 4000 : 8); i > 0; --i) {
    repeated.insert(repeated.end(), piece.begin(), piece.end());
  }
  insert_piece(input, repeated, rng);
}

inline void insert_syntax(Input& input, Rng& rng) {
  constexpr const char* kTokens[] = {"{",
                                     "}",
                                     "[",
                                     "]",
                                     ",",
                                     ":",
                                     "\"",
                                     "\\",
                                     "\\u",
                                     "\\ud83d",
                                     "null",
                                     "true",
                                     "false",
                                     "1e9999",
                                     "-1",
                                     "0.5",
                                     "\"a\":",
                                     "[[[[[[[[",
                                     "{\"a\":{\"a\":",
                                     "\xff",
                                     "\xed\xa0\x80",
                                     "GGUF",
                                     "\"dtype\":\"F4\"",
                                     "\"shape\":[0]",
                                     "\"data_offsets\":[0,0]"};
  const std::string token = kTokens[below(rng, std::size(kTokens))];
  insert_piece(input, Input(token.begin(), token.end()), rng);
}

inline void mutate_once(Input& input, const Input& other, Rng& rng) {
  if (input.empty()) return extend(input, rng);
  switch (below(rng, 14)) {
    case 0:
    case 1:
      return flip_bit(input, rng);
    case 2:
      return set_byte(input, rng);
    case 3:
    case 4:
      return set_integer(input, rng);
    case 5:
    case 6:
      return attack_length_field(input, rng);
    case 7:
    case 8:
      return replace_decimal(input, rng);
    case 9:
      return one_in(rng, 4) ? truncate(input, rng) : extend(input, rng);
    case 10:
      return erase_piece(input, rng);
    case 11:
      return insert_piece(input, piece_of(one_in(rng, 2) ? input : other, rng), rng);
    case 12:
      return repeat_piece(input, rng);
    default:
      return insert_syntax(input, rng);
  }
}

// One to eight random changes: bits, bytes, integers at the edges of their types, length fields, decimal
// numbers in text, cut, repeated and inserted pieces, pieces of `other`, syntax.
inline void mutate(Input& input, const Input& other, Rng& rng) {
  for (std::uint64_t i = 1 + below(rng, 1 + below(rng, 8)); i > 0; --i) mutate_once(input, other, rng);
  input.resize(std::min(input.size(), kMaxInputBytes));
}

}  // namespace millrace::fuzz
