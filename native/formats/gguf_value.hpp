// Metadata values of GGUF. A value is a view of the file's bytes: a vocabulary of 150,000 strings costs its
// offsets and nothing else.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "formats/byte_reader.hpp"

namespace millrace {

// The numbers are the file's.
enum class GgufType : std::uint32_t {
  kUint8 = 0,
  kInt8 = 1,
  kUint16 = 2,
  kInt16 = 3,
  kUint32 = 4,
  kInt32 = 5,
  kFloat32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kUint64 = 10,
  kInt64 = 11,
  kFloat64 = 12,
};

std::string_view gguf_type_name(GgufType type);
bool is_gguf_integer(GgufType type);

// A scalar, or an array of scalars, strings or arrays. Valid as long as the bytes it was read from.
class GgufValue {
 public:
  // Reads the value at the cursor, after its type. Throws ERR_MODEL_FILE.
  static GgufValue read(ByteReader& reader, GgufType type);

  [[nodiscard]] bool is_array() const { return is_array_; }
  // Of the elements when this is an array; kArray for an array of arrays.
  [[nodiscard]] GgufType type() const { return type_; }
  // Number of elements; 1 for a scalar.
  [[nodiscard]] std::uint64_t size() const { return size_; }

  // Element i, or nothing when it is of another type, out of range, or does not fit (a uint64 above 2^63 -
  // 1).
  [[nodiscard]] std::optional<std::int64_t> int_at(std::uint64_t i = 0) const;
  // Floats and integers.
  [[nodiscard]] std::optional<double> double_at(std::uint64_t i = 0) const;
  [[nodiscard]] std::optional<bool> bool_at(std::uint64_t i = 0) const;
  // The bytes as they are: the format asks for UTF-8, files do not always obey.
  [[nodiscard]] std::optional<std::string_view> string_at(std::uint64_t i = 0) const;
  // Null when this is not an array of arrays or i is out of range.
  [[nodiscard]] const GgufValue* array_at(std::uint64_t i) const;

  // The elements as they lie in the file, little-endian and unaligned; nothing for strings and arrays.
  [[nodiscard]] std::span<const std::byte> raw() const;

 private:
  static GgufValue read_nested(ByteReader& reader, GgufType type, int depth);
  void read_array(ByteReader& reader, int depth);
  void read_strings(ByteReader& reader);
  void read_scalars(ByteReader& reader);

  GgufType type_ = GgufType::kUint8;
  bool is_array_ = false;
  std::uint64_t size_ = 1;
  const std::byte* data_ = nullptr;            // of the first element
  std::vector<std::uint64_t> string_offsets_;  // of each string's length field, from data_
  std::vector<GgufValue> nested_;
};

// The key-value section of a file.
class GgufMetadata {
 public:
  explicit GgufMetadata(std::string file = "") : file_(std::move(file)) {}

  // Throws ERR_MODEL_FILE when the key is there already.
  void add(std::string key, GgufValue value);

  [[nodiscard]] const GgufValue* find(std::string_view key) const;

  // In the file's order.
  [[nodiscard]] const std::vector<std::pair<std::string, GgufValue>>& entries() const { return entries_; }

  // The scalar under that key: nothing when the key is absent, ERR_MODEL_FILE when its type is another one.
  [[nodiscard]] std::optional<std::int64_t> get_int(std::string_view key) const;
  [[nodiscard]] std::optional<double> get_double(std::string_view key) const;
  [[nodiscard]] std::optional<bool> get_bool(std::string_view key) const;
  [[nodiscard]] std::optional<std::string_view> get_string(std::string_view key) const;

 private:
  const GgufValue* find_scalar(std::string_view key, std::string_view wanted) const;
  [[noreturn]] void fail_type(std::string_view key, const GgufValue& value, std::string_view wanted) const;

  std::string file_;
  std::vector<std::pair<std::string, GgufValue>> entries_;
  std::unordered_map<std::string, std::size_t> index_;
};

}  // namespace millrace
