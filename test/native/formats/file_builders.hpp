// Writes model files in memory, valid ones and deliberately wrong ones, for tests and fuzz seeds.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "formats/gguf_value.hpp"

namespace millrace::test {

using Bytes = std::vector<std::byte>;

class ByteWriter {
 public:
  template <typename T>
    requires std::is_arithmetic_v<T>
  ByteWriter& number(T value) {
    return add(&value, sizeof(T));
  }
  ByteWriter& raw(std::string_view text) { return add(text.data(), text.size()); }
  // A GGUF string.
  ByteWriter& text(std::string_view text) {
    number(std::uint64_t{text.size()});
    return raw(text);
  }
  ByteWriter& type(GgufType type) { return number(static_cast<std::uint32_t>(type)); }
  ByteWriter& append(const Bytes& bytes) { return add(bytes.data(), bytes.size()); }
  void pad_to_multiple(std::uint64_t alignment) {
    while (bytes_.size() % alignment != 0) bytes_.push_back(std::byte{0});
  }
  [[nodiscard]] const Bytes& bytes() const { return bytes_; }

 private:
  ByteWriter& add(const void* data, std::size_t size) {
    // Byte by byte: GCC 12 sees overflows in the range operations of std::vector that are not there.
    const auto* bytes = static_cast<const std::byte*>(data);
    for (std::size_t i = 0; i < size; ++i) bytes_.push_back(bytes[i]);
    return *this;
  }

  Bytes bytes_;
};

struct GgufTensorSpec {
  std::string name;
  std::vector<std::uint64_t> dims;  // innermost first, as in the file
  std::uint32_t type = 0;
  std::uint64_t bytes = 0;
  std::optional<std::uint64_t> offset;  // in the data section; by default after the one before
};

struct GgufBuilder {
  std::uint32_t version = 3;
  std::uint64_t alignment = 32;  // of the layout; written as metadata only by the caller
  std::optional<std::uint64_t> claimed_tensors, claimed_keys;
  std::uint64_t num_keys = 0;
  ByteWriter keys;
  std::vector<GgufTensorSpec> tensors;

  template <typename T>
  GgufBuilder& add(std::string_view key, GgufType type, T value) {
    return add_raw(key, type, ByteWriter().number(value).bytes());
  }
  GgufBuilder& add_text(std::string_view key, std::string_view text) {
    return add_raw(key, GgufType::kString, ByteWriter().text(text).bytes());
  }
  GgufBuilder& add_texts(std::string_view key, const std::vector<std::string>& texts) {
    ByteWriter value;
    value.type(GgufType::kString).number(std::uint64_t{texts.size()});
    for (const std::string& text : texts) value.text(text);
    return add_raw(key, GgufType::kArray, value.bytes());
  }
  template <typename T>
  GgufBuilder& add_array(std::string_view key, GgufType type, const std::vector<T>& values) {
    ByteWriter value;
    value.type(type).number(std::uint64_t{values.size()});
    for (const T item : values) value.number(item);
    return add_raw(key, GgufType::kArray, value.bytes());
  }
  GgufBuilder& add_raw(std::string_view key, GgufType type, const Bytes& value) {
    keys.text(key).type(type).append(value);
    ++num_keys;
    return *this;
  }

  // Byte i of a tensor's data is i % 251.
  [[nodiscard]] Bytes build() const {
    ByteWriter out;
    out.raw("GGUF").number(version);
    out.number(claimed_tensors.value_or(tensors.size()))
        .number(claimed_keys.value_or(num_keys))
        .append(keys.bytes());
    std::uint64_t next = 0;
    for (const GgufTensorSpec& tensor : tensors) {
      const std::uint64_t offset = tensor.offset.value_or(next);
      out.text(tensor.name).number(static_cast<std::uint32_t>(tensor.dims.size()));
      for (const std::uint64_t size : tensor.dims) out.number(size);
      out.number(tensor.type).number(offset);
      next = (offset + tensor.bytes + alignment - 1) / alignment * alignment;
    }
    if (tensors.empty()) return out.bytes();
    for (const GgufTensorSpec& tensor : tensors) {
      if (tensor.offset) continue;
      out.pad_to_multiple(alignment);
      for (std::uint64_t i = 0; i < tensor.bytes; ++i) out.number(static_cast<std::uint8_t>(i % 251));
    }
    return out.bytes();
  }
};

inline Bytes safetensors_bytes(std::string_view header, std::uint64_t data_bytes,
                               std::optional<std::uint64_t> claimed_header_bytes = std::nullopt) {
  ByteWriter out;
  out.number(claimed_header_bytes.value_or(header.size())).raw(header);
  for (std::uint64_t i = 0; i < data_bytes; ++i) out.number(static_cast<std::uint8_t>(i % 251));
  return out.bytes();
}

}  // namespace millrace::test
