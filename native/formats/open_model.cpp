// open_model_files(): finds the files of a model and reads them.
#include <algorithm>
#include <optional>
#include <system_error>

#include "formats/format_error.hpp"
#include "formats/gguf.hpp"
#include "formats/gguf_split.hpp"
#include "formats/model_files.hpp"
#include "formats/safetensors.hpp"
#include "formats/shard_index.hpp"

namespace millrace {
namespace {

namespace fs = std::filesystem;

constexpr const char* kIndexName = "model.safetensors.index.json";
constexpr const char* kSingleName = "model.safetensors";

// The files and tensors of a model while they are being collected.
struct Parts {
  std::vector<MappedFile> files;
  std::vector<TensorView> tensors;

  void add(MappedFile file, std::vector<TensorView> more) {
    for (TensorView& tensor : more) {
      tensor.file_index = files.size();
      tensors.push_back(std::move(tensor));
    }
    files.push_back(std::move(file));
  }

  ModelFiles finish(ModelFormat format, GgufMetadata metadata) && {
    return ModelFiles(format, std::move(files), std::move(tensors), std::move(metadata));
  }
};

// What a file is that is neither format, for the mistakes that people make.
std::string describe_unknown(std::span<const std::byte> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()),
                              std::min<std::size_t>(bytes.size(), 64));
  if (text.starts_with("version https://git-lfs")) {
    return "is a Git LFS pointer and not the model itself; fetch it with: git lfs pull";
  }
  if (text.starts_with("PK\x03\x04") || text.starts_with("\x80\x02")) {
    return "looks like a PyTorch checkpoint, which can run code when it is read; convert it to safetensors";
  }
  if (text.starts_with("<"))
    return "looks like a web page, perhaps an error page saved by a download; fetch it again";
  if (text.starts_with("lmgg") || text.starts_with("fmgg") || text.starts_with("tjgg")) {
    return "is in a format older than GGUF; convert the model again";
  }
  return "is neither safetensors nor GGUF. It may be truncated or damaged; download or convert it again";
}

bool file_exists(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

ModelFiles open_safetensors(MappedFile file) {
  Parts parts;
  SafetensorsFile content = parse_safetensors(file.bytes(), file.name());
  parts.add(std::move(file), std::move(content.tensors));
  return std::move(parts).finish(ModelFormat::kSafetensors, GgufMetadata());
}

// Every tensor of the index must be in the file that the index names.
void check_index(const ModelFiles& model, const ShardIndex& index, const std::string& index_file) {
  for (const auto& [name, shard] : index.tensors) {
    const TensorView* tensor = model.find(name);
    if (tensor == nullptr || tensor->file_index != shard) {
      fail_file(index_file, "says that the tensor " + quote_name(name) + " is in " + index.shards[shard] +
                                ", and it is not; index and files do not belong together");
    }
  }
}

ModelFiles open_sharded(const fs::path& folder) {
  const MappedFile index_file(folder / kIndexName);
  const std::span<const std::byte> text = index_file.bytes();
  const ShardIndex index =
      parse_shard_index({reinterpret_cast<const char*>(text.data()), text.size()}, index_file.name());

  std::vector<std::string> missing;
  for (const std::string& shard : index.shards) {
    if (!file_exists(folder / shard)) missing.push_back(shard);
  }
  if (!missing.empty()) {
    fail_missing(folder.string(),
                 std::to_string(missing.size()) + " of the model's " + std::to_string(index.shards.size()) +
                     " files are missing: " + list_names(missing) + ". Download them again.");
  }
  Parts parts;
  for (const std::string& shard : index.shards) {
    MappedFile file(folder / shard);
    SafetensorsFile content = parse_safetensors(file.bytes(), file.name());
    parts.add(std::move(file), std::move(content.tensors));
  }
  ModelFiles model = std::move(parts).finish(ModelFormat::kSafetensors, GgufMetadata());
  check_index(model, index, index_file.name());
  return model;
}

// split.no counts from 0.
void check_part(const GgufFile& part, const MappedFile& file, std::uint32_t number, std::uint32_t count) {
  if (part.metadata.get_int("split.no") != number - 1 || part.metadata.get_int("split.count") != count) {
    fail_file(file.name(), "its metadata does not say that it is part " + std::to_string(number) + " of " +
                               std::to_string(count) + ", as its name does");
  }
}

ModelFiles open_split_gguf(const fs::path& folder, const GgufPartName& name) {
  std::vector<std::string> missing;
  for (std::uint32_t number = 1; number <= name.count; ++number) {
    const std::string file_name = gguf_part_file_name(name, number);
    if (!file_exists(folder / file_name)) missing.push_back(file_name);
  }
  if (!missing.empty()) {
    fail_missing(folder.string(),
                 std::to_string(missing.size()) + " of the model's " + std::to_string(name.count) +
                     " parts are missing: " + list_names(missing) + ". Download them again.");
  }
  Parts parts;
  GgufMetadata metadata;
  for (std::uint32_t number = 1; number <= name.count; ++number) {
    MappedFile file(folder / gguf_part_file_name(name, number));
    GgufFile part = parse_gguf(file.bytes(), file.name());
    check_part(part, file, number, name.count);
    if (number == 1) metadata = std::move(part.metadata);
    parts.add(std::move(file), std::move(part.tensors));
  }
  const std::optional<std::int64_t> num_tensors = metadata.get_int("split.tensors.count");
  if (num_tensors && *num_tensors != static_cast<std::int64_t>(parts.tensors.size())) {
    fail_file(parts.files.front().name(), "the parts have " + std::to_string(parts.tensors.size()) +
                                              " tensors together, and split.tensors.count says " +
                                              std::to_string(*num_tensors));
  }
  return std::move(parts).finish(ModelFormat::kGguf, std::move(metadata));
}

ModelFiles open_gguf(const fs::path& path, MappedFile file) {
  GgufFile content = parse_gguf(file.bytes(), file.name());
  if (content.metadata.get_int("split.count").value_or(1) > 1) {
    const std::optional<GgufPartName> name = parse_gguf_part_name(path.filename().string());
    if (name) return open_split_gguf(path.parent_path(), *name);
    fail_file(file.name(),
              "is one part of a split model, and its name does not say which; rename the parts to "
              "name-00001-of-00002.gguf and so on");
  }
  Parts parts;
  parts.add(std::move(file), std::move(content.tensors));
  return std::move(parts).finish(ModelFormat::kGguf, std::move(content.metadata));
}

ModelFiles open_file(const fs::path& path) {
  MappedFile file(path);
  if (looks_like_gguf(file.bytes())) return open_gguf(path, std::move(file));
  if (looks_like_safetensors(file.bytes())) return open_safetensors(std::move(file));
  fail_file(file.name(), describe_unknown(file.bytes()));
}

// Names of the folder's files with that suffix, sorted.
std::vector<std::string> files_with_suffix(const fs::path& folder, std::string_view suffix) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (entry->path().extension() == suffix) names.push_back(entry->path().filename().string());
  }
  if (error) fail_file(folder.string(), "the folder cannot be read: " + error.message());
  std::ranges::sort(names);
  return names;
}

[[noreturn]] void fail_no_weights(const fs::path& folder) {
  const std::vector<std::string> gguf = files_with_suffix(folder, ".gguf");
  if (!gguf.empty()) {
    fail_missing(
        folder.string(),
        "the folder has no *.safetensors file. To use GGUF, name the file itself: " + list_names(gguf));
  }
  if (!files_with_suffix(folder, ".bin").empty() || !files_with_suffix(folder, ".pth").empty()) {
    fail_missing(folder.string(),
                 "the folder has PyTorch files, which can run code when they are read, and no "
                 "*.safetensors file; convert the model to safetensors");
  }
  fail_missing(folder.string(), std::string("the folder has no ") + kSingleName + ", no " + kIndexName +
                                    " and no other *.safetensors file; is it a model's folder?");
}

ModelFiles open_folder(const fs::path& folder) {
  if (file_exists(folder / kIndexName)) return open_sharded(folder);
  if (file_exists(folder / kSingleName)) return open_file(folder / kSingleName);
  const std::vector<std::string> names = files_with_suffix(folder, ".safetensors");
  if (names.size() == 1) return open_file(folder / names.front());
  if (names.empty()) fail_no_weights(folder);
  fail_file(folder.string(), std::string("several *.safetensors files and no ") + kIndexName +
                                 " that says how they belong together: " + list_names(names) +
                                 ". Name one of them, or add the index.");
}

}  // namespace

ModelFiles open_model_files(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) fail_missing(path.string(), "there is no such file or folder");
  return fs::is_directory(status) ? open_folder(path) : open_file(path);
}

}  // namespace millrace
