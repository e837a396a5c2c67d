#include "plugin/plugin_loader.hpp"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <optional>

#include "core/error.hpp"

namespace millrace {
namespace {

constexpr const char* kPluginFile = "millrace_cuda.so";

std::optional<std::filesystem::path> path_beside_this() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&path_beside_this), &info) == 0 || info.dli_fname == nullptr)
    return std::nullopt;
  return std::filesystem::path(info.dli_fname).parent_path() / kPluginFile;
}

// Of the table in the file. Throws Error that says why there is none.
std::unique_ptr<Plugin> load(const std::filesystem::path& path) {
  const auto refuse = [](const std::string& why) -> Error { return {"ERR_DEVICE_UNAVAILABLE", why}; };
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw refuse(std::string("the CUDA plugin could not be loaded: ") + dlerror());
  const auto entry = reinterpret_cast<MillraceDevicePlugin>(dlsym(library, MILLRACE_DEVICE_PLUGIN));
  if (entry == nullptr) throw refuse(path.string() + " is not a plugin of millrace");
  return std::make_unique<Plugin>(entry());
}

}  // namespace

const CudaPlugin& CudaPlugin::instance() {
  // Never destroyed: an engine on a thread of its own may outlive main().
  static const auto* plugin = new CudaPlugin;
  return *plugin;
}

CudaPlugin::CudaPlugin() {
  const char* const asked = std::getenv("MILLRACE_CUDA_PLUGIN");
  const bool is_asked = asked != nullptr && asked[0] != 0;
  const auto path = is_asked ? std::filesystem::path(asked) : path_beside_this();
  std::error_code ignored;
  if (!path || (!is_asked && !std::filesystem::exists(*path, ignored))) {
    reason_ = "the CUDA plugin is not built; npm run build:cuda does it where nvcc is installed";
    return;
  }
  try {
    plugin_ = load(*path);
  } catch (const Error& error) {
    reason_ = error.what();
  }
}

std::vector<DeviceInfo> CudaPlugin::list() const {
  if (plugin_) return plugin_->list();
  DeviceInfo none;
  none.name = "cuda";
  none.description = "NVIDIA GPUs";
  none.reason = reason_;
  return {none};
}

}  // namespace millrace
