#pragma once
#include <string>
#include <vector>

#include "plugin/plugin.hpp"

namespace millrace {

// The plugin for cards: of the path in MILLRACE_CUDA_PLUGIN, else millrace_cuda.so beside the file that this
// code is in. It is looked for once in a process, and stays loaded.
class CudaPlugin {
 public:
  static const CudaPlugin& instance();

  // Null when there is none.
  [[nodiscard]] const Plugin* get() const { return plugin_.get(); }
  // Why there is none.
  [[nodiscard]] const std::string& reason() const { return reason_; }
  // Its cards, or one entry "cuda" with the reason why there are none.
  [[nodiscard]] std::vector<DeviceInfo> list() const;

 private:
  CudaPlugin();

  std::unique_ptr<Plugin> plugin_;
  std::string reason_;
};

}  // namespace millrace
