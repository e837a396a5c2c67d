#include "core/sha256.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "../harness.hpp"

namespace {

using namespace millrace;

struct Vector {
  std::string message;
  const char* digest;
};

// FIPS 180-4 examples and NIST's "SHA-2 additional" (the million letters).
std::vector<Vector> fips_vectors() {
  return {
      {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
      {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopq"
       "rst"
       "nopqrstu",
       "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
      {std::string(1'000'000, 'a'), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
  };
}

std::string hash_with(Sha256Path path, std::string_view message) {
  Sha256 hash(path);
  hash.update(message.data(), message.size());
  return to_hex(hash.finish());
}

}  // namespace

TEST("the portable SHA-256 gives the digests of FIPS 180-4") {
  for (const Vector& vector : fips_vectors()) {
    CHECK_EQ(hash_with(Sha256Path::kPortable, vector.message), vector.digest);
  }
}

TEST("SHA-256 with the processor's instructions gives the digests of FIPS 180-4") {
  if (!sha256_path_available(Sha256Path::kShaNi)) SKIP("this processor has no SHA instructions");
  for (const Vector& vector : fips_vectors()) {
    CHECK_EQ(hash_with(Sha256Path::kShaNi, vector.message), vector.digest);
  }
}

TEST("SHA-256 does not depend on the path or on how the message is cut") {
  auto rng = test::make_rng();
  for (std::size_t size = 0; size < 300; ++size) {
    std::string message(size, '\0');
    for (char& c : message) c = static_cast<char>(rng());
    const std::string whole = to_hex(sha256(message.data(), message.size()));
    CHECK_EQ(hash_with(Sha256Path::kPortable, message), whole);
    Sha256 pieces;
    for (std::size_t at = 0; at < size;) {
      const std::size_t piece = std::min<std::size_t>(size - at, rng() % 100);
      pieces.update(message.data() + at, piece);
      at += piece;
    }
    CHECK_EQ(to_hex(pieces.finish()), whole);
  }
}

TEST("a message of four gibibits has its whole length in the padding") {
  // 2^32 bits: the upper half of the length field is 1. Reference: Python's hashlib.
  if (!sha256_path_available(Sha256Path::kShaNi)) SKIP("takes too long without SHA instructions");
  const std::vector<char> zeros(1 << 20);
  Sha256 hash;
  for (int i = 0; i < 512; ++i) hash.update(zeros.data(), zeros.size());
  CHECK_EQ(to_hex(hash.finish()), "9acca8e8c22201155389f65abbf6bc9723edc7384ead80503839f49dcc56d767");
}
