#include "formats/model_files.hpp"

#include "formats/format_error.hpp"

namespace millrace {

ModelFiles::ModelFiles(ModelFormat format, std::vector<MappedFile> files, std::vector<TensorView> tensors,
                       GgufMetadata metadata)
    : format_(format),
      files_(std::move(files)),
      tensors_(std::move(tensors)),
      metadata_(std::move(metadata)) {
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    const auto [found, is_new] = index_.emplace(tensors_[i].name, i);
    if (!is_new) {
      const std::size_t other = tensors_[found->second].file_index;
      fail_file(files_[tensors_[i].file_index].name(), "tensor " + quote_name(tensors_[i].name) +
                                                           " is also in " + files_[other].name() +
                                                           "; a tensor may be in one file only");
    }
  }
}

const TensorView* ModelFiles::find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &tensors_[found->second];
}

const TensorView& ModelFiles::require(std::string_view name) const {
  const TensorView* tensor = find(name);
  if (tensor == nullptr) {
    fail_file(files_.front().name(),
              "there is no tensor " + quote_name(name) + " among the " + std::to_string(tensors_.size()) +
                  " of this model; its configuration and its weights do not belong together");
  }
  return *tensor;
}

std::uint64_t ModelFiles::tensor_bytes() const {
  std::uint64_t sum = 0;  // no overflow: tensors of one file do not overlap, and all files are mapped
  for (const TensorView& tensor : tensors_) sum += tensor.bytes;
  return sum;
}

void ModelFiles::advise(MapAdvice advice) const {
  for (const MappedFile& file : files_) file.advise(advice);
}

}  // namespace millrace
