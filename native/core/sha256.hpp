// SHA-256 (FIPS 180-4), for the keys of the prefix cache and for fingerprints of model files.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace millrace {

using Sha256Digest = std::array<std::uint8_t, 32>;

// Which compression function to use. kFastest asks the processor once per process.
enum class Sha256Path : std::uint8_t { kFastest, kPortable, kShaNi };

// Whether this processor can run that path.
bool sha256_path_available(Sha256Path path);

// One message, in any number of pieces. Allocates nothing.
class Sha256 {
 public:
  // A path that this processor lacks falls back to the portable one.
  explicit Sha256(Sha256Path path = Sha256Path::kFastest);

  void update(const void* data, std::size_t size);

  // The digest of everything so far. Further calls of any kind are a mistake of the caller.
  Sha256Digest finish();

 private:
  using Compress = void (*)(std::uint32_t* state, const std::uint8_t* blocks, std::size_t num_blocks);
  static Compress choose(Sha256Path path);

  Compress compress_;
  std::array<std::uint32_t, 8> state_;
  std::array<std::uint8_t, 64> pending_;  // the unfinished block: the first total_ % 64 bytes
  std::uint64_t total_ = 0;               // bytes of the message so far
};

Sha256Digest sha256(const void* data, std::size_t size);

// 64 lower-case hexadecimal digits.
std::string to_hex(const Sha256Digest& digest);

}  // namespace millrace
