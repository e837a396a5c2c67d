#pragma once
#include <string>

#include "formats/model_files.hpp"

namespace millrace {

// 64 hexadecimal digits that tell models apart: SHA-256 over the sizes of the files, the names, types, shapes
// and places of the tensors, GGUF's scalar metadata, and samples of the weights. All weights are read when
// they have at most 4 MiB together; else about 4 MiB, spread evenly over the tensors and over each of them.
//
// It is for cache keys and not for security: who wants two models with one fingerprint can make them. What is
// in config.json is not part of it.
std::string fingerprint(const ModelFiles& model);

}  // namespace millrace
