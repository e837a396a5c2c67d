#include "formats/json.hpp"

#include <charconv>
#include <system_error>
#include <unordered_set>

#include "formats/format_error.hpp"
#include "formats/utf8.hpp"

namespace millrace {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

}  // namespace

class JsonReader::Nesting {
 public:
  explicit Nesting(JsonReader& reader) : reader_(reader) {
    if (reader_.depth_ == kMaxDepth)
      reader_.fail("more than " + std::to_string(kMaxDepth) + " nested values");
    ++reader_.depth_;
  }
  ~Nesting() { --reader_.depth_; }
  Nesting(const Nesting&) = delete;
  Nesting& operator=(const Nesting&) = delete;

 private:
  JsonReader& reader_;
};

void JsonReader::object(const std::function<void(const std::string& key)>& field) {
  expect('{', "an object");
  const Nesting nesting(*this);
  if (accept('}')) return;
  std::unordered_set<std::string> keys;
  do {
    const auto [key, is_new] = keys.insert(string());
    if (!is_new) fail("the key " + quote_name(*key) + " occurs twice in one object");
    expect(':', "a colon");
    field(*key);
  } while (accept(','));
  expect('}', "a comma or the end of the object");
}

void JsonReader::array(const std::function<void()>& element) {
  expect('[', "an array");
  const Nesting nesting(*this);
  if (accept(']')) return;
  do {
    element();
  } while (accept(','));
  expect(']', "a comma or the end of the array");
}

std::string JsonReader::string() {
  expect('"', "a string");
  std::string out;
  while (true) {
    const std::size_t start = at_;
    while (at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\\') {
      if (static_cast<unsigned char>(text_[at_]) < 0x20) fail("a control character inside a string");
      ++at_;
    }
    const std::string_view plain = text_.substr(start, at_ - start);
    if (at_ == text_.size()) fail("a string without end");
    if (!is_valid_utf8(plain)) fail("a string that is not UTF-8");
    out += plain;
    if (text_[at_++] == '"') return out;
    append_escape(out);
  }
}

std::uint64_t JsonReader::unsigned_integer() {
  const char first = peek("a whole number");
  if (!is_digit(first)) fail("a whole number, zero or more, is expected here");
  std::uint64_t value = 0;
  const std::size_t start = at_;
  for (; at_ < text_.size() && is_digit(text_[at_]); ++at_) {
    const auto digit = static_cast<std::uint64_t>(text_[at_] - '0');
    if (__builtin_mul_overflow(value, 10u, &value) || __builtin_add_overflow(value, digit, &value)) {
      fail("a number that does not fit into 64 bits");
    }
  }
  if (first == '0' && at_ - start > 1) fail("a number with a leading zero");
  if (at_ < text_.size() && (text_[at_] == '.' || text_[at_] == 'e' || text_[at_] == 'E')) {
    fail("a fraction or an exponent, where a whole number is expected");
  }
  return value;
}

double JsonReader::number() {
  static_cast<void>(peek("a number"));
  const std::size_t start = at_;
  skip_number();
  double value = 0;
  const auto [end, error] = std::from_chars(text_.data() + start, text_.data() + at_, value);
  if (error != std::errc() || end != text_.data() + at_) fail("a number that does not fit into a double");
  return value;
}

bool JsonReader::boolean() {
  const bool value = peek("true or false") == 't';
  expect_word(value ? "true" : "false");
  return value;
}

void JsonReader::skip() {
  switch (peek("a value")) {
    case '{':
      return skip_object();
    case '[':
      return array([this] { skip(); });
    case '"':
      static_cast<void>(string());
      return;
    case 't':
      return expect_word("true");
    case 'f':
      return expect_word("false");
    case 'n':
      return expect_word("null");
    default:
      return skip_number();
  }
}

// Keys are checked and forgotten: who skips a value does not care for duplicates in it.
void JsonReader::skip_object() {
  expect('{', "an object");
  const Nesting nesting(*this);
  if (accept('}')) return;
  do {
    static_cast<void>(string());
    expect(':', "a colon");
    skip();
  } while (accept(','));
  expect('}', "a comma or the end of the object");
}

void JsonReader::end() {
  skip_space();
  if (at_ != text_.size()) fail("something follows the end of the JSON text");
}

void JsonReader::fail(std::string_view problem) const {
  fail_file(file_, "invalid JSON at byte " + std::to_string(at_) + ": " + std::string(problem));
}

void JsonReader::skip_space() {
  while (at_ < text_.size() && std::string_view(" \t\n\r").find(text_[at_]) != std::string_view::npos) ++at_;
}

char JsonReader::peek(std::string_view expected) {
  skip_space();
  if (at_ == text_.size()) fail("the text ends where " + std::string(expected) + " is expected");
  return text_[at_];
}

void JsonReader::expect(char c, std::string_view expected) {
  if (peek(expected) != c) fail(std::string(expected) + " is expected here");
  ++at_;
}

bool JsonReader::accept(char c) {
  skip_space();
  if (at_ == text_.size() || text_[at_] != c) return false;
  ++at_;
  return true;
}

void JsonReader::expect_word(std::string_view word) {
  if (text_.substr(at_, word.size()) != word) fail(std::string(word) + " is expected here");
  at_ += word.size();
}

void JsonReader::skip_number() {
  if (text_[at_] == '-') ++at_;
  const bool leading_zero = at_ < text_.size() && text_[at_] == '0';
  if (skip_digits() > 1 && leading_zero) fail("a number with a leading zero");
  if (at_ < text_.size() && text_[at_] == '.') {
    ++at_;
    skip_digits();
  }
  if (at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
    ++at_;
    if (at_ < text_.size() && (text_[at_] == '+' || text_[at_] == '-')) ++at_;
    skip_digits();
  }
}

// At least one digit must follow; returns how many did.
std::uint64_t JsonReader::skip_digits() {
  const std::size_t start = at_;
  while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
  if (at_ == start) fail("a value is expected here");
  return at_ - start;
}

// What follows a backslash.
void JsonReader::append_escape(std::string& out) {
  constexpr std::string_view kNames = "\"\\/bfnrt", kValues = "\"\\/\b\f\n\r\t";
  if (at_ == text_.size()) fail("a string without end");
  const char name = text_[at_++];
  if (const std::size_t i = kNames.find(name); i != std::string_view::npos) {
    out += kValues[i];
    return;
  }
  if (name != 'u') fail("an unknown escape in a string");
  std::uint32_t code = hex4();
  if (code >= 0xd800 && code < 0xdc00 && text_.substr(at_, 2) == "\\u") {
    at_ += 2;
    const std::uint32_t low = hex4();
    if (low < 0xdc00 || low > 0xdfff) fail("half of a surrogate pair in a string");
    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
  }
  if (code >= 0xd800 && code < 0xe000) fail("half of a surrogate pair in a string");
  append_utf8(out, code);
}

std::uint32_t JsonReader::hex4() {
  if (text_.size() - at_ < 4) fail("a string without end");
  std::uint32_t value = 0;
  for (int i = 0; i < 4; ++i) {
    const char c = text_[at_++];
    const char lower = static_cast<char>(c | 0x20);
    if (is_digit(c)) {
      value = value << 4 | static_cast<std::uint32_t>(c - '0');
    } else if (lower >= 'a' && lower <= 'f') {
      value = value << 4 | static_cast<std::uint32_t>(lower - 'a' + 10);
    } else {
      fail("\\u needs four hexadecimal digits");
    }
  }
  return value;
}

}  // namespace millrace
