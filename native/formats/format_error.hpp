// How the file readers say what is wrong with a file.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

// Throws ERR_MODEL_FILE: "<file>: <problem>".
[[noreturn]] void fail_file(std::string_view file, std::string_view problem);

// Throws ERR_MODEL_FILE_MISSING: "<file>: <problem>".
[[noreturn]] void fail_missing(std::string_view file, std::string_view problem);

// A name that came from a file, in double quotes: control characters escaped, long names shortened, so that
// a hostile file can neither flood nor steer a terminal.
std::string quote_name(std::string_view name);

// "a, b, c and 4 more".
std::string list_names(const std::vector<std::string>& names);

}  // namespace millrace
