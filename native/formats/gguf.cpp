#include "formats/gguf.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <string>
#include <unordered_set>

#include "formats/checked_math.hpp"
#include "formats/format_error.hpp"
#include "formats/gguf_tensor_type.hpp"
#include "formats/utf8.hpp"

namespace millrace {
namespace {

constexpr std::uint32_t kMagic = 0x46554747;  // "GGUF"
constexpr std::uint64_t kMaxMetadataKeys = 65'536;
constexpr std::uint64_t kMaxTensors = 1'000'000;
constexpr std::uint64_t kMaxNameBytes = 65'535;
constexpr std::uint32_t kMaxDimensions = 4;
constexpr std::uint64_t kDefaultAlignment = 32;
constexpr std::uint64_t kMaxAlignment = 1 << 20;

// Fewest bytes of an entry, to bound the counts: a name of one byte, and the smallest value or shape.
constexpr std::uint64_t kSmallestKeyBytes = 8 + 1 + 4 + 1;
constexpr std::uint64_t kSmallestTensorBytes = 8 + 1 + 4 + 8 + 4 + 8;

std::uint32_t read_version(ByteReader& reader) {
  if (reader.read<std::uint32_t>("the magic number") != kMagic) {
    fail_file(reader.file(), "does not begin with the letters GGUF, so it is not a GGUF file");
  }
  const auto version = reader.read<std::uint32_t>("the version");
  if (version == 2 || version == 3) return version;
  if (version == 1) {
    fail_file(reader.file(), "is GGUF version 1, which was written for some weeks of 2023; convert it again");
  }
  if ((version & 0xffff) == 0) {
    fail_file(reader.file(),
              "is a big-endian GGUF file; Millrace reads little-endian ones. Convert it again.");
  }
  fail_file(reader.file(),
            "is GGUF version " + std::to_string(version) + "; Millrace reads versions 2 and 3");
}

std::uint64_t read_count(ByteReader& reader, std::string_view what, std::uint64_t limit) {
  const auto count = reader.read<std::uint64_t>(what);
  if (count > limit) {
    fail_file(reader.file(), std::string(what) + " is " + std::to_string(count) + ", and at most " +
                                 std::to_string(limit) + " is accepted; the file is damaged");
  }
  return count;
}

void check_count_fits(const ByteReader& reader, std::string_view what, std::uint64_t count,
                      std::uint64_t smallest) {
  if (count > reader.remaining() / smallest) {
    fail_file(reader.file(), std::string(what) + " is " + std::to_string(count) +
                                 ", more than fit into the " + std::to_string(reader.remaining()) +
                                 " bytes that are left. The file is truncated " +
                                 "or damaged; download or convert it again.");
  }
}

std::string read_name(ByteReader& reader, std::string_view what) {
  const auto size = reader.read<std::uint64_t>(what);
  if (size == 0 || size > kMaxNameBytes) {
    fail_file(reader.file(), std::string(what) + " has " + std::to_string(size) + " bytes; 1 to " +
                                 std::to_string(kMaxNameBytes) + " are allowed");
  }
  std::string name(reinterpret_cast<const char*>(reader.take(size, what)), size);
  if (!is_valid_utf8(name))
    fail_file(reader.file(), std::string(what) + " " + quote_name(name) + " is not UTF-8");
  return name;
}

GgufMetadata read_metadata(ByteReader& reader, std::uint64_t count) {
  GgufMetadata metadata{std::string(reader.file())};
  for (std::uint64_t i = 0; i < count; ++i) {
    std::string key = read_name(reader, "a metadata key");
    const auto type = static_cast<GgufType>(reader.read<std::uint32_t>("a metadata type"));
    metadata.add(std::move(key), GgufValue::read(reader, type));
  }
  return metadata;
}

std::uint64_t read_alignment(const GgufMetadata& metadata, std::string_view file) {
  const std::optional<std::int64_t> value = metadata.get_int("general.alignment");
  if (!value) return kDefaultAlignment;
  const auto alignment = static_cast<std::uint64_t>(*value);  // above the maximum when negative
  if (alignment > kMaxAlignment || !std::has_single_bit(alignment)) {
    fail_file(file, "general.alignment is " + std::to_string(*value) +
                        "; it must be a power of two, at most " + std::to_string(kMaxAlignment));
  }
  return alignment;
}

[[noreturn]] void fail_tensor(std::string_view file, const std::string& name, const std::string& problem) {
  fail_file(file, "tensor " + quote_name(name) + " " + problem);
}

// Dimensions, outermost first: the file has the innermost first.
std::vector<std::int64_t> read_shape(ByteReader& reader, const std::string& name) {
  const auto count = reader.read<std::uint32_t>("a tensor's number of dimensions");
  if (count < 1 || count > kMaxDimensions) {
    fail_tensor(reader.file(), name, "has " + std::to_string(count) + " dimensions; 1 to 4 are allowed");
  }
  std::vector<std::int64_t> shape;
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto size = reader.read<std::uint64_t>("a tensor's dimension");
    if (size == 0 || size > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      fail_tensor(reader.file(), name, "has a dimension of " + std::to_string(size));
    }
    shape.push_back(static_cast<std::int64_t>(size));
  }
  std::ranges::reverse(shape);
  return shape;
}

// Bytes of a tensor of that shape.
std::uint64_t tensor_bytes(const TensorView& tensor, const GgufTensorType& type, std::string_view file) {
  const auto row = static_cast<std::uint64_t>(tensor.shape.back());
  if (row % type.block_elements != 0) {
    fail_tensor(file, tensor.name,
                "has rows of " + std::to_string(row) + " elements, which are no multiple of the " +
                    std::to_string(type.block_elements) + " that " + std::string(type.name) +
                    " stores together");
  }
  // Both products are checked, so that num_elements() cannot overflow either.
  std::optional<std::uint64_t> elements = 1;
  for (const std::int64_t size : tensor.shape) {
    if (elements) elements = checked_mul(*elements, static_cast<std::uint64_t>(size));
  }
  std::optional<std::uint64_t> bytes;
  if (elements) bytes = checked_mul(*elements / type.block_elements, type.block_bytes);
  if (!bytes || *elements > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    fail_tensor(file, tensor.name, "has more elements than 64 bits can count");
  }
  return *bytes;
}

// A description, with the offset as in the file: relative to the data section, whose place is not known yet.
TensorView read_tensor_info(ByteReader& reader) {
  TensorView tensor;
  tensor.name = read_name(reader, "a tensor's name");
  tensor.shape = read_shape(reader, tensor.name);
  const auto id = reader.read<std::uint32_t>("a tensor's type");
  const GgufTensorType* type = find_gguf_tensor_type(id);
  if (type == nullptr) {
    fail_tensor(reader.file(), tensor.name,
                "has the type number " + std::to_string(id) + ", which is unknown or was withdrawn");
  }
  tensor.type_name = type->name;
  tensor.dtype = parse_dtype(type->name);
  tensor.bytes = tensor_bytes(tensor, *type, reader.file());
  tensor.file_offset = reader.read<std::uint64_t>("a tensor's offset");
  return tensor;
}

std::vector<TensorView> read_tensor_infos(ByteReader& reader, std::uint64_t count) {
  std::vector<TensorView> tensors;
  std::unordered_set<std::string> names;
  for (std::uint64_t i = 0; i < count; ++i) {
    tensors.push_back(read_tensor_info(reader));
    if (!names.insert(tensors.back().name).second)
      fail_tensor(reader.file(), tensors.back().name, "occurs twice");
  }
  return tensors;
}

// Compares the relative offsets with the file and turns them into addresses.
void place_tensors(GgufFile& gguf, std::span<const std::byte> bytes, std::string_view file) {
  const std::uint64_t available = bytes.size() - std::min<std::uint64_t>(bytes.size(), gguf.data_offset);
  for (TensorView& tensor : gguf.tensors) {
    const std::uint64_t offset = tensor.file_offset;
    if (offset % gguf.alignment != 0) {
      fail_tensor(file, tensor.name,
                  "begins at byte " + std::to_string(offset) + " of the data, which is no multiple " +
                      "of general.alignment " + std::to_string(gguf.alignment));
    }
    if (offset > available || tensor.bytes > available - offset) {
      fail_tensor(file, tensor.name,
                  "needs " + std::to_string(tensor.bytes) + " bytes at byte " + std::to_string(offset) +
                      " of the data, which has " + std::to_string(available) +
                      ". The file is truncated or damaged; download or convert it again.");
    }
    tensor.file_offset = gguf.data_offset + offset;
    tensor.data = bytes.data() + tensor.file_offset;
  }
}

}  // namespace

GgufFile parse_gguf(std::span<const std::byte> bytes, std::string_view file) {
  ByteReader reader(bytes, file);
  GgufFile gguf;
  gguf.version = read_version(reader);
  const std::uint64_t num_tensors = read_count(reader, "the number of tensors", kMaxTensors);
  const std::uint64_t num_keys = read_count(reader, "the number of metadata keys", kMaxMetadataKeys);
  check_count_fits(reader, "the number of metadata keys", num_keys, kSmallestKeyBytes);
  gguf.metadata = read_metadata(reader, num_keys);
  check_count_fits(reader, "the number of tensors", num_tensors, kSmallestTensorBytes);
  gguf.tensors = read_tensor_infos(reader, num_tensors);
  gguf.alignment = read_alignment(gguf.metadata, file);
  // A file without tensors may end before the padding.
  gguf.data_offset = (reader.position() + gguf.alignment - 1) / gguf.alignment * gguf.alignment;
  place_tensors(gguf, bytes, file);
  check_no_overlap(gguf.tensors, file);
  return gguf;
}

bool looks_like_gguf(std::span<const std::byte> bytes) {
  return bytes.size() >= 4 && load_unaligned<std::uint32_t>(bytes.data()) == kMagic;
}

}  // namespace millrace
