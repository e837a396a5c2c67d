#pragma once
#include <cstddef>
#include <span>
#include <stdexcept>
#include <vector>

#include "core/error.hpp"
#include "cpu/decode_tensor.hpp"
#include "formats/tensor_view.hpp"
#include "fuzz_target.hpp"

namespace millrace::fuzz {

constexpr std::uint64_t kDecodedBytes = 1 << 16;

// Reads the first and the last byte of every tensor, decodes small ones, and checks that the view lies in the
// file.
inline void touch_tensors(const std::vector<TensorView>& tensors, std::span<const std::byte> file) {
  for (const TensorView& tensor : tensors) {
    if (tensor.file_offset > file.size() || tensor.bytes > file.size() - tensor.file_offset ||
        tensor.data != file.data() + tensor.file_offset) {
      throw std::logic_error("a tensor that lies outside its file");
    }
    if (num_elements(tensor) < 0) throw std::logic_error("a negative number of elements");
    if (tensor.dtype &&
        static_cast<std::uint64_t>(storage_bytes(*tensor.dtype, num_elements(tensor))) != tensor.bytes) {
      throw std::logic_error("a tensor whose shape and bytes disagree");
    }
    if (tensor.bytes == 0) continue;
    touch(tensor.data[0]);
    touch(tensor.data[tensor.bytes - 1]);
    if (tensor.dtype && tensor.bytes <= kDecodedBytes) {
      for (const float value : decode_tensor(tensor)) touch(static_cast<std::byte>(value > 0));
    }
  }
}

}  // namespace millrace::fuzz
