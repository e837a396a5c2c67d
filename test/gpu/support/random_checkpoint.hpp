#pragma once
#include <cstdint>
#include <filesystem>

#include "runtime/model_spec.hpp"

namespace millrace::test {

// Bytes of the checkpoint that write_random_checkpoint() writes.
std::int64_t random_checkpoint_bytes(const ModelSpec& spec);

// Writes model.safetensors with random BF16 weights for every tensor that the spec names: normal numbers with
// a standard deviation of 0.02, norms around 1. The same spec gives the same bytes on every machine, whatever
// the number of threads. Throws ERR_MODEL_FILE when it cannot be written.
void write_random_checkpoint(const ModelSpec& spec, const std::filesystem::path& folder, int threads);

}  // namespace millrace::test
