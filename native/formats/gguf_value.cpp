#include "formats/gguf_value.hpp"

#include <limits>

#include "formats/checked_math.hpp"
#include "formats/format_error.hpp"

namespace millrace {
namespace {

constexpr int kMaxDepth = 8;  // of arrays in arrays

// Bytes of one element; 0 for strings and arrays, which have no fixed size.
std::uint64_t fixed_size(GgufType type) {
  switch (type) {
    case GgufType::kUint8:
    case GgufType::kInt8:
    case GgufType::kBool:
      return 1;
    case GgufType::kUint16:
    case GgufType::kInt16:
      return 2;
    case GgufType::kUint32:
    case GgufType::kInt32:
    case GgufType::kFloat32:
      return 4;
    case GgufType::kUint64:
    case GgufType::kInt64:
    case GgufType::kFloat64:
      return 8;
    case GgufType::kString:
    case GgufType::kArray:
      return 0;
  }
  return 0;
}

// Fewest bytes an element can take, to bound a count before anything is allocated for it.
std::uint64_t smallest_size(GgufType type) {
  if (type == GgufType::kString) return 8;  // the length
  if (type == GgufType::kArray) return 12;  // element type and count
  return fixed_size(type);
}

}  // namespace

std::string_view gguf_type_name(GgufType type) {
  constexpr std::string_view kNames[] = {"uint8", "int8",   "uint16", "int16",  "uint32", "int32",  "float32",
                                         "bool",  "string", "array",  "uint64", "int64",  "float64"};
  const auto number = static_cast<std::size_t>(type);
  return number < std::size(kNames) ? kNames[number] : "?";
}

bool is_gguf_integer(GgufType type) {
  return type <= GgufType::kInt32 || type == GgufType::kUint64 || type == GgufType::kInt64;
}

GgufValue GgufValue::read(ByteReader& reader, GgufType type) {
  return read_nested(reader, type, 0);
}

GgufValue GgufValue::read_nested(ByteReader& reader, GgufType type, int depth) {
  GgufValue value;
  value.type_ = type;
  if (type == GgufType::kArray) {
    value.read_array(reader, depth);
  } else if (type == GgufType::kString) {
    value.read_strings(reader);
  } else if (fixed_size(type) > 0) {
    value.read_scalars(reader);
  } else {
    fail_file(reader.file(), "unknown metadata type " + std::to_string(static_cast<std::uint32_t>(type)) +
                                 " before byte " + std::to_string(reader.position()));
  }
  return value;
}

void GgufValue::read_array(ByteReader& reader, int depth) {
  if (depth == kMaxDepth) {
    fail_file(reader.file(),
              "more than " + std::to_string(kMaxDepth) + " arrays inside each other in the metadata");
  }
  is_array_ = true;
  type_ = static_cast<GgufType>(reader.read<std::uint32_t>("an array's element type"));
  size_ = reader.read<std::uint64_t>("an array's length");
  const std::uint64_t smallest = smallest_size(type_);
  if (smallest == 0) {
    fail_file(reader.file(),
              "an array of the unknown metadata type " + std::to_string(static_cast<std::uint32_t>(type_)));
  }
  if (size_ > reader.remaining() / smallest) {
    fail_file(reader.file(),
              "an array claims " + std::to_string(size_) + " elements at byte " +
                  std::to_string(reader.position()) + ", and only " + std::to_string(reader.remaining()) +
                  " bytes are left. The file is truncated or damaged; download or convert it again.");
  }
  if (type_ == GgufType::kArray) {
    for (std::uint64_t i = 0; i < size_; ++i)
      nested_.push_back(read_nested(reader, GgufType::kArray, depth + 1));
  } else if (type_ == GgufType::kString) {
    read_strings(reader);
  } else {
    read_scalars(reader);
  }
}

void GgufValue::read_strings(ByteReader& reader) {
  const std::uint64_t start = reader.position();
  data_ = reader.take(0, "a string");
  string_offsets_.reserve(size_);
  for (std::uint64_t i = 0; i < size_; ++i) {
    string_offsets_.push_back(reader.position() - start);
    reader.take(reader.read<std::uint64_t>("a string's length"), "a string");
  }
}

void GgufValue::read_scalars(ByteReader& reader) {
  // No overflow: an array's size has been compared with the bytes that are left.
  data_ = reader.take(size_ * fixed_size(type_), "a metadata value");
  if (type_ != GgufType::kBool) return;
  for (std::uint64_t i = 0; i < size_; ++i) {
    if (data_[i] > std::byte{1}) fail_file(reader.file(), "a metadata bool is neither 0 nor 1");
  }
}

std::optional<std::int64_t> GgufValue::int_at(std::uint64_t i) const {
  if (i >= size_ || !is_gguf_integer(type_)) return std::nullopt;
  const std::byte* at = data_ + i * fixed_size(type_);
  switch (type_) {
    case GgufType::kUint8:
      return load_unaligned<std::uint8_t>(at);
    case GgufType::kInt8:
      return load_unaligned<std::int8_t>(at);
    case GgufType::kUint16:
      return load_unaligned<std::uint16_t>(at);
    case GgufType::kInt16:
      return load_unaligned<std::int16_t>(at);
    case GgufType::kUint32:
      return load_unaligned<std::uint32_t>(at);
    case GgufType::kInt32:
      return load_unaligned<std::int32_t>(at);
    case GgufType::kInt64:
      return load_unaligned<std::int64_t>(at);
    default:
      break;
  }
  const auto value = load_unaligned<std::uint64_t>(at);
  if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return std::nullopt;
  return static_cast<std::int64_t>(value);
}

std::optional<double> GgufValue::double_at(std::uint64_t i) const {
  if (i >= size_) return std::nullopt;
  if (type_ == GgufType::kFloat32) return load_unaligned<float>(data_ + i * 4);
  if (type_ == GgufType::kFloat64) return load_unaligned<double>(data_ + i * 8);
  if (type_ == GgufType::kUint64) return static_cast<double>(load_unaligned<std::uint64_t>(data_ + i * 8));
  const std::optional<std::int64_t> value = int_at(i);
  if (!value) return std::nullopt;
  return static_cast<double>(*value);
}

std::optional<bool> GgufValue::bool_at(std::uint64_t i) const {
  if (i >= size_ || type_ != GgufType::kBool) return std::nullopt;
  return data_[i] != std::byte{0};
}

std::optional<std::string_view> GgufValue::string_at(std::uint64_t i) const {
  if (i >= string_offsets_.size()) return std::nullopt;
  const std::byte* at = data_ + string_offsets_[i];
  return std::string_view(reinterpret_cast<const char*>(at) + 8, load_unaligned<std::uint64_t>(at));
}

const GgufValue* GgufValue::array_at(std::uint64_t i) const {
  return i < nested_.size() ? &nested_[i] : nullptr;
}

std::span<const std::byte> GgufValue::raw() const {
  return {data_, size_ * fixed_size(type_)};
}

void GgufMetadata::add(std::string key, GgufValue value) {
  if (!index_.emplace(key, entries_.size()).second) {
    fail_file(file_, "the metadata key " + quote_name(key) + " occurs twice");
  }
  entries_.emplace_back(std::move(key), std::move(value));
}

const GgufValue* GgufMetadata::find(std::string_view key) const {
  const auto found = index_.find(std::string(key));
  return found == index_.end() ? nullptr : &entries_[found->second].second;
}

std::optional<std::int64_t> GgufMetadata::get_int(std::string_view key) const {
  const GgufValue* value = find_scalar(key, "an integer below 2^63");
  if (value == nullptr) return std::nullopt;
  const std::optional<std::int64_t> number = value->int_at();
  if (!number) fail_type(key, *value, "an integer below 2^63");
  return number;
}

std::optional<double> GgufMetadata::get_double(std::string_view key) const {
  const GgufValue* value = find_scalar(key, "a number");
  if (value == nullptr) return std::nullopt;
  const std::optional<double> number = value->double_at();
  if (!number) fail_type(key, *value, "a number");
  return number;
}

std::optional<bool> GgufMetadata::get_bool(std::string_view key) const {
  const GgufValue* value = find_scalar(key, "a bool");
  if (value == nullptr) return std::nullopt;
  const std::optional<bool> flag = value->bool_at();
  if (!flag) fail_type(key, *value, "a bool");
  return flag;
}

std::optional<std::string_view> GgufMetadata::get_string(std::string_view key) const {
  const GgufValue* value = find_scalar(key, "a string");
  if (value == nullptr) return std::nullopt;
  const std::optional<std::string_view> text = value->string_at();
  if (!text) fail_type(key, *value, "a string");
  return text;
}

const GgufValue* GgufMetadata::find_scalar(std::string_view key, std::string_view wanted) const {
  const GgufValue* value = find(key);
  if (value != nullptr && value->is_array()) fail_type(key, *value, wanted);
  return value;
}

void GgufMetadata::fail_type(std::string_view key, const GgufValue& value, std::string_view wanted) const {
  fail_file(file_, "the metadata key " + quote_name(key) + " holds " +
                       (value.is_array() ? "an array of " : "a ") +
                       std::string(gguf_type_name(value.type())) + ", where " + std::string(wanted) +
                       " is expected");
}

}  // namespace millrace
