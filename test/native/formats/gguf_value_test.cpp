#include "formats/gguf_value.hpp"

#include <limits>

#include "../harness.hpp"
#include "file_builders.hpp"
#include "formats/gguf.hpp"

using namespace millrace;
using namespace millrace::test;

namespace {

GgufFile parse(const GgufBuilder& builder, Bytes& storage) {
  storage = builder.build();
  return parse_gguf(storage, "m.gguf");
}

void check_refused(const GgufBuilder& builder, const std::string& reason) {
  Bytes storage;
  CHECK_CONTAINS(CHECK_THROWS_CODE(parse(builder, storage), "ERR_MODEL_FILE"), reason);
}

// `depth` arrays around an empty array of bytes.
Bytes nested_array(int depth) {
  ByteWriter value;
  for (int i = 0; i < depth; ++i) value.type(GgufType::kArray).number(std::uint64_t{1});
  return value.type(GgufType::kUint8).number(std::uint64_t{0}).bytes();
}

}  // namespace

TEST("every scalar type of GGUF metadata is read") {
  GgufBuilder builder;
  builder.add("u8", GgufType::kUint8, std::uint8_t{255}).add("i8", GgufType::kInt8, std::int8_t{-128});
  builder.add("u16", GgufType::kUint16, std::uint16_t{65535}).add("i16", GgufType::kInt16, std::int16_t{-2});
  builder.add("u32", GgufType::kUint32, std::uint32_t{4294967295})
      .add("i32", GgufType::kInt32, std::int32_t{-3});
  builder.add("u64", GgufType::kUint64, std::uint64_t{1} << 62)
      .add("i64", GgufType::kInt64, std::int64_t{-4});
  builder.add("f32", GgufType::kFloat32, 0.5f).add("f64", GgufType::kFloat64, 1e-300);
  builder.add("bool", GgufType::kBool, std::uint8_t{1}).add_text("text", "h\u00e9");
  Bytes storage;
  const GgufMetadata metadata = parse(builder, storage).metadata;
  CHECK_EQ(*metadata.get_int("u8"), 255);
  CHECK_EQ(*metadata.get_int("i8"), -128);
  CHECK_EQ(*metadata.get_int("u16"), 65535);
  CHECK_EQ(*metadata.get_int("i16"), -2);
  CHECK_EQ(*metadata.get_int("u32"), 4294967295);
  CHECK_EQ(*metadata.get_int("i32"), -3);
  CHECK_EQ(*metadata.get_int("u64"), std::int64_t{1} << 62);
  CHECK_EQ(*metadata.get_int("i64"), -4);
  CHECK_EQ(*metadata.get_double("f32"), 0.5);
  CHECK_EQ(*metadata.get_double("f64"), 1e-300);
  CHECK_EQ(*metadata.get_double("i64"), -4.0);
  CHECK_EQ(*metadata.get_bool("bool"), true);
  CHECK_EQ(*metadata.get_string("text"), "h\u00e9");
  CHECK_EQ(metadata.entries().size(), 12);
  CHECK_EQ(metadata.entries()[1].first, "i8");
  CHECK_EQ(metadata.entries()[1].second.raw().size(), 1);
  CHECK(!metadata.get_int("absent"));
  CHECK(metadata.find("absent") == nullptr);
}

TEST("a metadata value of another type than asked for is an error that names the key") {
  GgufBuilder builder;
  builder.add_text("name", "x")
      .add("pi", GgufType::kFloat32, 3.14f)
      .add("one", GgufType::kUint32, std::uint32_t{1});
  builder.add_texts("tokens", {"a"}).add("big", GgufType::kUint64, std::uint64_t{1} << 63);
  Bytes storage;
  const GgufMetadata metadata = parse(builder, storage).metadata;
  CHECK_CONTAINS(CHECK_THROWS_CODE(metadata.get_int("name"), "ERR_MODEL_FILE"),
                 "key \"name\" holds a string");
  CHECK_THROWS_CODE(metadata.get_int("pi"), "ERR_MODEL_FILE");
  CHECK_THROWS_CODE(metadata.get_bool("one"), "ERR_MODEL_FILE");
  CHECK_THROWS_CODE(metadata.get_double("name"), "ERR_MODEL_FILE");
  CHECK_CONTAINS(CHECK_THROWS_CODE(metadata.get_string("tokens"), "ERR_MODEL_FILE"), "an array of string");
  CHECK_CONTAINS(CHECK_THROWS_CODE(metadata.get_int("big"), "ERR_MODEL_FILE"), "below 2^63");
  CHECK_EQ(*metadata.get_double("big"), 9223372036854775808.0);
}

TEST("arrays of numbers, bools and strings are read by index") {
  GgufBuilder builder;
  builder.add_array<float>("scores", GgufType::kFloat32, {0.5f, -1.0f});
  builder.add_array<std::int32_t>("types", GgufType::kInt32, {1, 2, 3});
  builder.add_array<std::uint8_t>("flags", GgufType::kBool, {0, 1});
  builder.add_texts("tokens", {"", "<s>", std::string("a\0b", 3)});
  Bytes storage;
  const GgufMetadata metadata = parse(builder, storage).metadata;
  CHECK_EQ(*metadata.find("scores")->double_at(1), -1.0);
  CHECK(!metadata.find("scores")->int_at(1));
  CHECK_EQ(*metadata.find("types")->int_at(2), 3);
  CHECK(!metadata.find("types")->int_at(3));
  CHECK_EQ(metadata.find("types")->raw().size(), 12);
  CHECK_EQ(*metadata.find("flags")->bool_at(0), false);
  CHECK_EQ(*metadata.find("flags")->bool_at(1), true);
  const GgufValue* tokens = metadata.find("tokens");
  CHECK(tokens->is_array());
  CHECK_EQ(tokens->size(), 3);
  CHECK_EQ(*tokens->string_at(0), "");
  CHECK_EQ(*tokens->string_at(1), "<s>");
  CHECK_EQ(tokens->string_at(2)->size(), 3);
  CHECK(!tokens->string_at(3));
  CHECK(!tokens->bool_at(0));
  CHECK(tokens->array_at(0) == nullptr);
}

TEST("arrays in arrays are read, and refused beyond eight levels") {
  ByteWriter value;
  value.type(GgufType::kArray).number(std::uint64_t{2});
  value.type(GgufType::kUint8).number(std::uint64_t{2}).number(std::uint8_t{5}).number(std::uint8_t{6});
  value.type(GgufType::kString).number(std::uint64_t{1}).text("x");
  GgufBuilder builder;
  builder.add_raw("nested", GgufType::kArray, value.bytes()).add("after", GgufType::kUint8, std::uint8_t{9});
  Bytes storage;
  const GgufMetadata metadata = parse(builder, storage).metadata;
  const GgufValue* nested = metadata.find("nested");
  CHECK_EQ(*nested->array_at(0)->int_at(1), 6);
  CHECK_EQ(*nested->array_at(1)->string_at(0), "x");
  CHECK(nested->array_at(2) == nullptr);
  CHECK(!nested->int_at(0));
  CHECK_EQ(*metadata.get_int("after"), 9);

  GgufBuilder deep;
  deep.add_raw("deep", GgufType::kArray, nested_array(7));
  CHECK_EQ(parse(deep, storage).metadata.entries().size(), 1);
  for (const int depth : {8, 100'000}) {
    GgufBuilder too_deep;
    too_deep.add_raw("deep", GgufType::kArray, nested_array(depth));
    check_refused(too_deep, "more than 8 arrays inside each other");
  }
}

TEST("a metadata key that occurs twice is refused") {
  GgufBuilder builder;
  builder.add_text("general.name", "a").add_text("general.name", "b");
  check_refused(builder, "the metadata key \"general.name\" occurs twice");
}

TEST("an array longer than the file is refused before anything is allocated") {
  for (const GgufType type : {GgufType::kUint8, GgufType::kFloat64, GgufType::kString, GgufType::kArray}) {
    for (const std::uint64_t count :
         {std::uint64_t{1000}, std::uint64_t{1} << 61, std::uint64_t{1} << 63, UINT64_MAX}) {
      GgufBuilder builder;
      builder.add_raw("a", GgufType::kArray, ByteWriter().type(type).number(count).bytes());
      check_refused(builder, "an array claims " + std::to_string(count));
    }
  }
}

TEST("a string longer than the file is refused") {
  for (const std::uint64_t size : {std::uint64_t{4}, std::uint64_t{1} << 63, UINT64_MAX}) {
    GgufBuilder builder;
    builder.add_raw("a", GgufType::kString, ByteWriter().number(size).raw("abc").bytes());
    check_refused(builder, "the file ends inside a string");
  }
}

TEST("unknown metadata types and bools that are neither 0 nor 1 are refused") {
  GgufBuilder unknown;
  unknown.add("a", static_cast<GgufType>(13), std::uint64_t{0});
  check_refused(unknown, "unknown metadata type 13");
  GgufBuilder array;
  array.add_raw("a", GgufType::kArray,
                ByteWriter().type(static_cast<GgufType>(UINT32_MAX)).number(std::uint64_t{0}).bytes());
  check_refused(array, "unknown metadata type 4294967295");
  GgufBuilder flag;
  flag.add("a", GgufType::kBool, std::uint8_t{2});
  check_refused(flag, "neither 0 nor 1");
}
