#pragma once
#include <span>
#include <string>

namespace millrace::gpu {

// Why code that was compiled for these (860 is 8.6) does not run on a card; empty where it does. Machine code
// runs on cards of its major number that are as new or newer. The plugin has the newest of them as PTX too,
// which the driver translates for all newer cards.
inline std::string why_no_code(std::span<const int> built_for, int major, int minor) {
  const int card = major * 100 + minor * 10;
  int newest = 0;
  std::string list;
  for (const int code : built_for) {
    if (code / 100 == major && code <= card) return "";
    newest = code > newest ? code : newest;
    list += (list.empty() ? "" : ", ") + std::to_string(code / 100) + "." + std::to_string(code / 10 % 10);
  }
  if (newest <= card) return "";
  const std::string arch = std::to_string(major) + std::to_string(minor);
  return "the plugin was built for compute capability " + list +
         "; build it for this one: npm run build:cuda -- --arch=" + arch;
}

}  // namespace millrace::gpu
