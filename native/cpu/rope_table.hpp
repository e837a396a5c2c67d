#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "cpu/cpu_memory.hpp"
#include "runtime/device.hpp"

namespace millrace {

// cos and sin of a step's angles, which are the same in every layer: computed at the first and kept until the
// positions change. A row per token: the cosines, then the sines, laid out as the form's rotation reads them.
class RopeTable {
 public:
  RopeTable() : memory_(1) {}

  // Whether the rows hold what these arguments ask for. If not, the caller fills every one.
  bool prepare(const Batch& batch, const RopeStoreArgs& args) {
    const auto tokens = static_cast<std::size_t>(batch.num_tokens);
    const auto pairs = static_cast<std::size_t>(args.rotary_dim / 2);
    row_floats_ = args.rotary_dim * (args.form == RopeForm::kPairs ? 2 : 1);
    if (form_ == args.form && magnitude_ == args.magnitude &&
        is_same(frequencies_, args.inverse_frequencies, pairs) &&
        is_same(positions_, batch.positions, tokens)) {
      return true;
    }
    form_ = args.form;
    magnitude_ = args.magnitude;
    frequencies_.assign(args.inverse_frequencies, args.inverse_frequencies + pairs);
    positions_.assign(batch.positions, batch.positions + tokens);
    // Twice what is needed at once, so that it seldom grows.
    const std::int64_t floats = batch.num_tokens * row_floats_;
    if (floats > floats_) floats_ = 2 * floats;
    angles_ = memory_.floats(0, floats_);
    return false;
  }
  [[nodiscard]] float* row(std::int64_t token) const { return angles_ + token * row_floats_; }
  // From a row's start to its sines.
  [[nodiscard]] std::int64_t sines() const { return row_floats_ / 2; }

 private:
  template <class T>
  static bool is_same(const std::vector<T>& have, const T* want, std::size_t count) {
    return have.size() == count && (count == 0 || std::memcmp(have.data(), want, count * sizeof(T)) == 0);
  }

  RopeForm form_ = RopeForm::kHalves;
  float magnitude_ = 0;
  std::vector<float> frequencies_;
  std::vector<std::int32_t> positions_;
  std::int64_t row_floats_ = 0, floats_ = 0;
  Scratch memory_;
  float* angles_ = nullptr;
};

}  // namespace millrace
