// A cursor over untrusted bytes. Every read is checked against what is left, by subtraction, so that no
// length in the file can overflow the comparison.
#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace millrace {

static_assert(std::endian::native == std::endian::little,
              "the readers copy little-endian numbers as they are");

// Reads a number that may lie at any address.
template <typename T>
  requires std::is_arithmetic_v<T>
[[nodiscard]] T load_unaligned(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}

class ByteReader {
 public:
  // `file` is the name used in errors; it must outlive the reader, as must the bytes.
  ByteReader(std::span<const std::byte> bytes, std::string_view file) : bytes_(bytes), file_(file) {}

  [[nodiscard]] std::uint64_t position() const { return position_; }
  [[nodiscard]] std::uint64_t remaining() const { return bytes_.size() - position_; }
  [[nodiscard]] std::string_view file() const { return file_; }

  // The next `count` bytes. Throws ERR_MODEL_FILE, naming `what`, when fewer are left.
  const std::byte* take(std::uint64_t count, std::string_view what) {
    if (count > remaining()) fail_short(count, what);
    const std::byte* at = bytes_.data() + position_;
    position_ += count;
    return at;
  }

  template <typename T>
  T read(std::string_view what) {
    return load_unaligned<T>(take(sizeof(T), what));
  }

 private:
  [[noreturn]] void fail_short(std::uint64_t count, std::string_view what) const;

  std::span<const std::byte> bytes_;
  std::string_view file_;
  std::uint64_t position_ = 0;  // <= bytes_.size()
};

}  // namespace millrace
