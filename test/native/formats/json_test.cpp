#include "formats/json.hpp"

#include "../harness.hpp"
#include "formats/utf8.hpp"

using namespace millrace;

namespace {

void read_any(std::string_view text) {
  JsonReader json(text, "x.json");
  json.skip();
  json.end();
}

std::string read_string(std::string_view text) {
  JsonReader json(text, "x.json");
  std::string value = json.string();
  json.end();
  return value;
}

std::uint64_t read_integer(std::string_view text) {
  JsonReader json(text, "x.json");
  const std::uint64_t value = json.unsigned_integer();
  json.end();
  return value;
}

std::string nested(std::size_t depth, char open, char close) {
  return std::string(depth, open) + std::string(depth, close);
}

}  // namespace

TEST("every valid kind of JSON value can be skipped") {
  for (const char* text : {"null", "true", "false", "0", "-0", "12", "-1.5e+10", "1E5", "0.25", "\"\"", "[]",
                           "{}", " [ 1 , [ ] , { \"a\" : { } } ] ", "{\"a\":1,\"a\":2}", "\"\\u00e9\\n\"",
                           "\t\r\n{\"k\":[true,false,null]}\n"}) {
    read_any(text);
    CHECK(true);
  }
}

TEST("JSON that the grammar does not allow is refused") {
  for (const char* text :
       {"",      " ",     "nul",     "True",      "01",          "-",        "1.",         ".5",
        "+1",    "1e",    "1e+",     "0x10",      "NaN",         "'a'",      "[1,]",       "[,1]",
        "[1 2]", "[",     "]",       "{",         "{\"a\"}",     "{\"a\":}", "{\"a\":1,}", "{a:1}",
        "{1:1}", "\"a",   "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\n\"",   "1 2",        "{} {}",
        "[]x",   "null,", "\"\\",    "\"\\u",     "/* */ 1"}) {
    CHECK_THROWS_CODE(read_any(text), "ERR_MODEL_FILE");
  }
}

TEST("JSON strings resolve every escape and surrogate pairs") {
  CHECK_EQ(read_string(R"("\"\\\/\b\f\n\r\t")"), "\"\\/\b\f\n\r\t");
  CHECK_EQ(read_string(R"("\u0041\u00e9\u20AC\ud83d\ude00")"), "A\u00e9\u20ac\U0001f600");
  CHECK_EQ(read_string("\"plain \u00e9 \U0001f600\""), "plain \u00e9 \U0001f600");
  CHECK_EQ(read_string(R"("\u0000")").size(), 1);
}

TEST("JSON strings refuse lone surrogates, bad UTF-8 and control characters") {
  for (const std::string_view text :
       {R"("\ud83d")", R"("\ude00")", R"("\ud83d\u0041")", R"("\ud83dx")", "\"\x80\"", "\"\xc3\"",
        "\"\xc0\xaf\"", "\"\xed\xa0\x80\"", "\"\xf5\x80\x80\x80\"", "\"a\x01\"", "\"a\x1f\""}) {
    CHECK_THROWS_CODE(read_string(text), "ERR_MODEL_FILE");
  }
}

TEST("JSON integers reach 2^64 - 1 and nothing above, below or between") {
  CHECK_EQ(read_integer("0"), 0);
  CHECK_EQ(read_integer(" 18446744073709551615 "), UINT64_MAX);
  for (const char* text : {"18446744073709551616", "99999999999999999999999", "-1", "-0", "1.0", "1e3", "00",
                           "07", "", "\"1\"", "null", "1x"}) {
    CHECK_THROWS_CODE(read_integer(text), "ERR_MODEL_FILE");
  }
}

TEST("a key that occurs twice in an object is refused, also when spelled with an escape") {
  for (const char* text : {R"({"a":1,"b":2,"a":3})", R"({"a":1,"\u0061":2})"}) {
    JsonReader json(text, "x.json");
    CHECK_CONTAINS(CHECK_THROWS_CODE(json.object([&](const std::string&) { json.skip(); }), "ERR_MODEL_FILE"),
                   "the key \"a\" occurs twice");
  }
}

TEST("nesting is bounded, so that a million brackets cannot exhaust the stack") {
  const std::size_t most = JsonReader::kMaxDepth;
  read_any(nested(most, '[', ']'));
  CHECK_CONTAINS(CHECK_THROWS_CODE(read_any(nested(most + 1, '[', ']')), "ERR_MODEL_FILE"), "nested");
  CHECK_THROWS_CODE(read_any(nested(1'000'000, '[', ']')), "ERR_MODEL_FILE");
  std::string objects;
  for (int i = 0; i < 1'000'000; ++i) objects += "{\"a\":";
  CHECK_THROWS_CODE(read_any(objects), "ERR_MODEL_FILE");
}

TEST("a JSON error names the file and the byte") {
  CHECK_CONTAINS(CHECK_THROWS_CODE(read_any("[1, x]"), "ERR_MODEL_FILE"), "x.json: invalid JSON at byte 4");
}

TEST("UTF-8 validation agrees with the encoder on every code point and on every two bytes") {
  for (std::uint32_t code = 0; code <= 0x10ffff; ++code) {
    if (code >= 0xd800 && code < 0xe000) continue;
    std::string text;
    append_utf8(text, code);
    if (!is_valid_utf8(text)) CHECK_EQ(code, 0xffffffff);
    // No prefix and no suffix of one character is a character. The view ends before the bytes do.
    for (std::size_t cut = 1; cut < text.size(); ++cut) {
      if (is_valid_utf8(std::string_view(text).substr(0, cut)) || is_valid_utf8(text.substr(cut)))
        CHECK_EQ(code, 0xfffffffe);
    }
  }
  int valid = 0;
  for (int a = 0; a < 256; ++a) {
    for (int b = 0; b < 256; ++b)
      valid += is_valid_utf8(std::string{static_cast<char>(a), static_cast<char>(b)}) ? 1 : 0;
  }
  CHECK_EQ(valid, 128 * 128 + 0x800 - 0x80);
}
