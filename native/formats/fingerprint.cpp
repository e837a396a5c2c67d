#include "formats/fingerprint.hpp"

#include <algorithm>

#include "core/sha256.hpp"

namespace millrace {
namespace {

constexpr std::uint64_t kPageBytes = 4096;
constexpr std::uint64_t kMaxPages = 1024;

// Feeds fields to the hash, each with its length, so that no two sequences of fields give the same bytes.
class FieldHash {
 public:
  void number(std::uint64_t value) { hash_.update(&value, sizeof(value)); }

  void text(std::string_view value) {
    number(value.size());
    hash_.update(value.data(), value.size());
  }

  void bytes(const std::byte* data, std::uint64_t size) { hash_.update(data, size); }

  std::string finish() { return to_hex(hash_.finish()); }

 private:
  Sha256 hash_;
};

void add_description(FieldHash& hash, const TensorView& tensor) {
  hash.text(tensor.name);
  hash.text(tensor.type_name);
  hash.number(tensor.shape.size());
  for (const std::int64_t size : tensor.shape) hash.number(static_cast<std::uint64_t>(size));
  hash.number(tensor.bytes);
  hash.number(tensor.file_index);
  hash.number(tensor.file_offset);
}

// Scalars only: they hold what changes the computation (rope base, epsilons), and vocabularies are large.
void add_metadata(FieldHash& hash, const GgufMetadata& metadata) {
  for (const auto& [key, value] : metadata.entries()) {
    hash.text(key);
    hash.number(static_cast<std::uint64_t>(value.type()));
    hash.number(value.is_array() ? 1 : 0);
    hash.number(value.size());
    if (value.is_array()) continue;
    hash.bytes(value.raw().data(), value.raw().size());
    if (const auto text = value.string_at()) hash.text(*text);
  }
}

// `pages` pages, the first at the beginning and the last at the end.
void add_samples(FieldHash& hash, const TensorView& tensor, std::uint64_t pages) {
  if (tensor.bytes <= pages * kPageBytes) return hash.bytes(tensor.data, tensor.bytes);
  const std::uint64_t last = tensor.bytes - kPageBytes;
  for (std::uint64_t i = 0; i < pages; ++i) {
    // One page alone is taken from the middle. last / n * i loses less than n bytes and cannot overflow.
    const std::uint64_t offset = pages == 1 ? last / 2 : i + 1 == pages ? last : last / (pages - 1) * i;
    hash.bytes(tensor.data + offset, kPageBytes);
  }
}

void add_weights(FieldHash& hash, const ModelFiles& model) {
  const std::vector<TensorView>& tensors = model.tensors();
  if (model.tensor_bytes() <= kMaxPages * kPageBytes) {
    for (const TensorView& tensor : tensors) hash.bytes(tensor.data, tensor.bytes);
    return;
  }
  // With more tensors than pages, every n-th tensor gives one page.
  const std::uint64_t stride = (tensors.size() + kMaxPages - 1) / kMaxPages;
  const std::uint64_t pages_per_tensor = std::max<std::uint64_t>(1, kMaxPages / tensors.size());
  for (std::uint64_t i = 0; i < tensors.size(); i += stride) add_samples(hash, tensors[i], pages_per_tensor);
}

}  // namespace

std::string fingerprint(const ModelFiles& model) {
  FieldHash hash;
  hash.text("millrace model 1");  // change the number when the meaning of the digits changes
  hash.number(static_cast<std::uint64_t>(model.format()));
  hash.number(model.files().size());
  for (const MappedFile& file : model.files()) hash.number(file.size());
  hash.number(model.tensors().size());
  for (const TensorView& tensor : model.tensors()) add_description(hash, tensor);
  add_metadata(hash, model.gguf_metadata());
  add_weights(hash, model);
  return hash.finish();
}

}  // namespace millrace
