#include "formats/safetensors.hpp"

#include <algorithm>
#include <limits>

#include "formats/byte_reader.hpp"
#include "formats/checked_math.hpp"
#include "formats/format_error.hpp"
#include "formats/json.hpp"

namespace millrace {
namespace {

constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // as the reference implementation
constexpr std::size_t kMaxTensors = 1'000'000;
constexpr std::size_t kMaxMetadataEntries = 65'536;
constexpr std::size_t kMaxDimensions = 16;

struct ElementType {
  std::string_view name;
  std::uint64_t bits;
};

// Every type of safetensors 0.8. The sub-byte types are packed.
constexpr ElementType kElementTypes[] = {
    {"F32", 32},    {"F16", 16},    {"BF16", 16},       {"F64", 64},       {"BOOL", 8},    {"U8", 8},
    {"I8", 8},      {"U16", 16},    {"I16", 16},        {"U32", 32},       {"I32", 32},    {"U64", 64},
    {"I64", 64},    {"C64", 64},    {"F8_E4M3", 8},     {"F8_E5M2", 8},    {"F8_E8M0", 8}, {"F4", 4},
    {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}};

// One entry of the header before its offsets are compared with anything.
struct Entry {
  std::string type_name;
  std::vector<std::uint64_t> shape;
  std::vector<std::uint64_t> offsets;
  bool has_type = false, has_shape = false, has_offsets = false;
};

std::vector<std::uint64_t> read_integers(JsonReader& json, std::size_t max_count) {
  std::vector<std::uint64_t> values;
  json.array([&] {
    if (values.size() == max_count)
      json.fail("more than " + std::to_string(max_count) + " numbers in this array");
    values.push_back(json.unsigned_integer());
  });
  return values;
}

Entry read_entry(JsonReader& json) {
  Entry entry;
  json.object([&](const std::string& key) {
    if (key == "dtype") {
      entry.type_name = json.string();
      entry.has_type = true;
    } else if (key == "shape") {
      entry.shape = read_integers(json, kMaxDimensions);
      entry.has_shape = true;
    } else if (key == "data_offsets") {
      entry.offsets = read_integers(json, 2);
      entry.has_offsets = true;
    } else {
      json.skip();
    }
  });
  return entry;
}

const ElementType* find_element_type(std::string_view name) {
  const auto* found = std::ranges::find(kElementTypes, name, &ElementType::name);
  return found == std::end(kElementTypes) ? nullptr : found;
}

// Bytes of a tensor; nothing when they do not fit into 63 bits or into whole bytes.
std::optional<std::uint64_t> tensor_bytes(const std::vector<std::uint64_t>& shape,
                                          std::uint64_t element_bits) {
  // A zero makes the product zero, but must not hide a factor that could not be stored as a signed size.
  std::optional<std::uint64_t> bits = element_bits;
  for (const std::uint64_t size : shape) {
    if (size > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return std::nullopt;
    if (bits) bits = checked_mul(*bits, size);
  }
  if (std::ranges::find(shape, 0u) != shape.end()) return 0;
  if (!bits || *bits % 8 != 0) return std::nullopt;
  return *bits / 8;
}

// Turns header entries into views of the data section.
class TensorTable {
 public:
  TensorTable(std::span<const std::byte> data, std::uint64_t data_offset, std::string_view file)
      : data_(data), data_offset_(data_offset), file_(file) {}

  void add(const std::string& name, const Entry& entry) {
    if (!entry.has_type || !entry.has_shape || !entry.has_offsets) {
      fail(name, "lacks a dtype, a shape or data_offsets");
    }
    if (entry.offsets.size() != 2) fail(name, "needs two numbers as data_offsets: [begin, end]");
    const ElementType* type = find_element_type(entry.type_name);
    if (type == nullptr) fail(name, "has the unknown dtype " + quote_name(entry.type_name));
    const std::uint64_t begin = entry.offsets[0], end = entry.offsets[1];
    check_extent(name, begin, end);
    const std::optional<std::uint64_t> bytes = tensor_bytes(entry.shape, type->bits);
    if (!bytes || *bytes != end - begin) {
      fail(name, "has a shape of " + entry.type_name + " that does not match the " +
                     std::to_string(end - begin) + " bytes of its data_offsets");
    }
    TensorView view;
    view.name = name;
    view.type_name = type->name;
    view.dtype = parse_dtype(type->name);
    view.shape.assign(entry.shape.begin(), entry.shape.end());
    view.data = data_.data() + begin;
    view.bytes = end - begin;
    view.file_offset = data_offset_ + begin;
    tensors_.push_back(std::move(view));
    used_bytes_ = std::max(used_bytes_, end);
  }

  std::vector<TensorView> finish() {
    check_no_overlap(tensors_, file_);
    if (used_bytes_ != data_.size()) {
      fail_file(file_, std::to_string(data_.size() - used_bytes_) +
                           " bytes follow the last tensor; the file is damaged or not safetensors");
    }
    return std::move(tensors_);
  }

 private:
  [[noreturn]] void fail(const std::string& name, const std::string& problem) const {
    fail_file(file_, "tensor " + quote_name(name) + " " + problem);
  }

  void check_extent(const std::string& name, std::uint64_t begin, std::uint64_t end) const {
    if (begin > end) fail(name, "begins after its end: data_offsets are [begin, end]");
    if (end > data_.size()) {
      fail(name, "ends at byte " + std::to_string(end) + " of the data, which has " +
                     std::to_string(data_.size()) + ". The file is truncated or damaged; download it again.");
    }
  }

  std::span<const std::byte> data_;
  std::uint64_t data_offset_;  // of the data section, in the file
  std::string_view file_;
  std::vector<TensorView> tensors_;
  std::uint64_t used_bytes_ = 0;
};

void read_metadata(JsonReader& json, SafetensorsFile& out) {
  json.object([&](const std::string& key) {
    if (out.metadata.size() == kMaxMetadataEntries) json.fail("too many entries in __metadata__");
    out.metadata.emplace_back(key, json.string());
  });
}

}  // namespace

SafetensorsFile parse_safetensors(std::span<const std::byte> bytes, std::string_view file) {
  ByteReader reader(bytes, file);
  const auto header_bytes = reader.read<std::uint64_t>("the header length");
  if (header_bytes > kMaxHeaderBytes) {
    fail_file(file, "the header claims " + std::to_string(header_bytes) + " bytes, and at most " +
                        std::to_string(kMaxHeaderBytes) + " are allowed; this is not a safetensors file");
  }
  const std::byte* header = reader.take(header_bytes, "the header");
  const std::string_view text(reinterpret_cast<const char*>(header), header_bytes);
  if (!text.starts_with('{'))
    fail_file(file, "the header does not begin with {; this is not a safetensors file");

  SafetensorsFile out;
  TensorTable table(bytes.subspan(reader.position()), reader.position(), file);
  std::size_t num_tensors = 0;
  JsonReader json(text, file);
  json.object([&](const std::string& key) {
    if (key == "__metadata__") return read_metadata(json, out);
    if (++num_tensors > kMaxTensors) json.fail("more than " + std::to_string(kMaxTensors) + " tensors");
    table.add(key, read_entry(json));
  });
  json.end();
  out.tensors = table.finish();
  return out;
}

bool looks_like_safetensors(std::span<const std::byte> bytes) {
  if (bytes.size() < 9 || bytes[8] != std::byte{'{'}) return false;
  return load_unaligned<std::uint64_t>(bytes.data()) <= kMaxHeaderBytes;
}

}  // namespace millrace
