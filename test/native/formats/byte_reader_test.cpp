#include "formats/byte_reader.hpp"

#include "../harness.hpp"
#include "file_builders.hpp"

using namespace millrace;
using namespace millrace::test;

TEST("a byte reader gives unaligned little-endian numbers in order") {
  const Bytes bytes =
      ByteWriter().number(std::uint8_t{7}).number(std::uint64_t{1} << 40).number(-2.5f).bytes();
  ByteReader reader(bytes, "x");
  CHECK_EQ(reader.read<std::uint8_t>("a"), 7);
  CHECK_EQ(reader.read<std::uint64_t>("b"), std::uint64_t{1} << 40);
  CHECK_EQ(reader.read<float>("c"), -2.5f);
  CHECK_EQ(reader.remaining(), 0);
  CHECK_EQ(reader.position(), 13);
}

TEST("a byte reader refuses lengths whose sum with the position would overflow") {
  const Bytes bytes(16);
  ByteReader reader(bytes, "model.gguf");
  reader.take(8, "a header");
  for (const std::uint64_t count : {std::uint64_t{9}, UINT64_MAX, UINT64_MAX - 7, std::uint64_t{1} << 63}) {
    const std::string message = CHECK_THROWS_CODE(reader.take(count, "a name"), "ERR_MODEL_FILE");
    CHECK_CONTAINS(message, "model.gguf: the file ends inside a name");
    CHECK_CONTAINS(message, "at byte 8 and 8 are left");
  }
  CHECK_EQ(reader.remaining(), 8);
  reader.take(8, "the rest");
  CHECK_THROWS_CODE(reader.read<std::uint8_t>("one more"), "ERR_MODEL_FILE");
}
