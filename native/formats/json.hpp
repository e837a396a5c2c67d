// A strict pull reader for JSON (RFC 8259), for the headers of model files. The caller says what it expects
// next, so no document tree is built: memory does not grow with hostile input, except for the keys of the
// objects that are open.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace millrace {

// Every member throws ERR_MODEL_FILE with the byte position when the text is not what was asked for.
class JsonReader {
 public:
  static constexpr int kMaxDepth = 64;

  // `file` and the text must outlive the reader. `file` is the name used in errors.
  JsonReader(std::string_view text, std::string_view file) : text_(text), file_(file) {}

  // Reads an object and calls `field` after each key; `field` must consume the value. A key that occurs
  // twice is an error.
  void object(const std::function<void(const std::string& key)>& field);

  // Reads an array and calls `element` before each value, which it must consume.
  void array(const std::function<void()>& element);

  // A string with its escapes resolved: valid UTF-8.
  std::string string();

  // A number without sign, fraction or exponent, at most 2^64 - 1.
  std::uint64_t unsigned_integer();

  // Any number, as the nearest double.
  double number();

  bool boolean();

  // Checks any value and forgets it.
  void skip();

  // Only white space may follow.
  void end();

  [[noreturn]] void fail(std::string_view problem) const;

 private:
  class Nesting;

  void skip_space();
  // The next character after white space; fails, naming what was expected, at the end of the text.
  char peek(std::string_view expected);
  void expect(char c, std::string_view expected);
  bool accept(char c);
  void expect_word(std::string_view word);
  void skip_object();
  void skip_number();
  std::uint64_t skip_digits();
  void append_escape(std::string& out);
  std::uint32_t hex4();

  std::string_view text_;
  std::string_view file_;
  std::size_t at_ = 0;  // <= text_.size()
  int depth_ = 0;
};

}  // namespace millrace
