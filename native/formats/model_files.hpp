// All files of one model, mapped, with one table of tensors.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "formats/gguf_value.hpp"
#include "formats/mapped_file.hpp"
#include "formats/tensor_view.hpp"

namespace millrace {

enum class ModelFormat : std::uint8_t { kSafetensors, kGguf };

// Owns the mappings that the tensors and the metadata point into. Moving it keeps their addresses.
class ModelFiles {
 public:
  // Throws ERR_MODEL_FILE when two tensors have the same name.
  ModelFiles(ModelFormat format, std::vector<MappedFile> files, std::vector<TensorView> tensors,
             GgufMetadata metadata);
  ModelFiles(ModelFiles&&) = default;
  ModelFiles& operator=(ModelFiles&&) = default;

  [[nodiscard]] ModelFormat format() const { return format_; }
  [[nodiscard]] const std::vector<MappedFile>& files() const { return files_; }
  // File by file, each in its own order.
  [[nodiscard]] const std::vector<TensorView>& tensors() const { return tensors_; }
  // Empty for safetensors, whose configuration is in config.json.
  [[nodiscard]] const GgufMetadata& gguf_metadata() const { return metadata_; }

  // Null when there is no such tensor.
  [[nodiscard]] const TensorView* find(std::string_view name) const;
  // Throws ERR_MODEL_FILE when there is no such tensor.
  [[nodiscard]] const TensorView& require(std::string_view name) const;

  // Bytes of all tensors.
  [[nodiscard]] std::uint64_t tensor_bytes() const;
  // A hint about how the weights will be read.
  void advise(MapAdvice advice) const;
  // A tensor that will hardly be read again: its pages stay in the page cache and leave the process.
  void release(const TensorView& tensor) const {
    files_[tensor.file_index].release({tensor.data, tensor.bytes});
  }

 private:
  ModelFormat format_;
  std::vector<MappedFile> files_;
  std::vector<TensorView> tensors_;
  GgufMetadata metadata_;
  std::unordered_map<std::string_view, std::size_t> index_;  // keys are the names in tensors_
};

// Opens a model: a folder with model.safetensors.index.json and its shards, with model.safetensors, or with
// exactly one *.safetensors file; or one file, which is recognised by its content; or any part of a split
// GGUF file (name-00001-of-00003.gguf), whose other parts must lie beside it. Throws ERR_MODEL_FILE_MISSING,
// which lists the missing files, or ERR_MODEL_FILE.
ModelFiles open_model_files(const std::filesystem::path& path);

}  // namespace millrace
