#include <napi.h>

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "binding/arguments.hpp"
#include "binding/devices.hpp"
#include "binding/instance.hpp"
#include "binding/kv_pool.hpp"
#include "binding/load_model.hpp"
#include "binding/model.hpp"
#include "binding/model_files.hpp"
#include "cpu/features.hpp"
#include "cpu/registry.hpp"

namespace millrace {
namespace {

constexpr int kAbi = 3;
constexpr std::int64_t kMaxThreads = 1024;

Napi::Value cpu_features_list(const Napi::CallbackInfo& info) {
  const std::vector<std::string> names = cpu_feature_names();
  auto list = Napi::Array::New(info.Env(), names.size());
  for (std::uint32_t i = 0; i < names.size(); ++i) list.Set(i, names[i]);
  return list;
}

Napi::Value devices(const Napi::CallbackInfo& info) {
  return guarded(info, [&] {
    const std::vector<DeviceInfo> found = list_devices();
    auto list = Napi::Array::New(info.Env(), found.size());
    for (std::uint32_t i = 0; i < found.size(); ++i) {
      Napi::Object device = Napi::Object::New(info.Env());
      device.Set("name", found[i].name);
      device.Set("description", found[i].description);
      device.Set("threads", found[i].threads);
      device.Set("memoryBytes", static_cast<double>(found[i].memory_bytes));
      device.Set("freeBytes", found[i].free_bytes < 0
                                  ? info.Env().Undefined()
                                  : Napi::Number::New(info.Env(), static_cast<double>(found[i].free_bytes)));
      device.Set("computeCapability", found[i].compute_capability);
      device.Set("driver", found[i].driver);
      device.Set("products", found[i].products);
      device.Set("usable", found[i].reason.empty());
      device.Set("reason", found[i].reason);
      list.Set(i, device);
    }
    return list;
  });
}

void set_threads(const Napi::CallbackInfo& info) {
  guarded(info, [&] {
    Registry::instance().set_threads(static_cast<int>(int_argument(info, 0, "threads", 1, kMaxThreads)),
                                     info[1].ToBoolean());
  });
}

Napi::Value create_kv_pool(const Napi::CallbackInfo& info) {
  return guarded(info, [&] {
    const std::int64_t blocks = int_argument(info, 0, "totalBlocks", 1, std::int64_t{1} << 30);
    const auto block_tokens = static_cast<int>(int_argument(info, 1, "blockTokens", 1, 4096));
    const std::int64_t host_blocks =
        info[2].IsUndefined() ? 0 : int_argument(info, 2, "hostBlocks", 0, std::int64_t{1} << 30);
    auto pool = std::make_shared<KvPool>(blocks, block_tokens, host_blocks);
    pool->detach_from_storage();
    return KvPoolObject::make(info.Env(), std::move(pool));
  });
}

Napi::Value make_prefix_root(const Napi::CallbackInfo& info) {
  return guarded(info, [&] { return digest_bytes(info.Env(), prefix_root(string_list(info[0], "parts"))); });
}

Napi::Value make_prefix_keys(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    Digest digest = read_digest(info[0], "root");
    const auto ids = int32_view(info[1], "tokenIds");
    const auto width = static_cast<std::size_t>(int_argument(info, 2, "blockTokens", 1, 4096));
    const std::size_t blocks = ids.size() / width;
    auto keys = Napi::Uint8Array::New(info.Env(), blocks * digest.size());
    for (std::size_t i = 0; i < blocks; ++i) {
      digest = prefix_key(digest, ids.subspan(i * width, width));
      std::memcpy(keys.Data() + i * digest.size(), digest.data(), digest.size());
    }
    return keys;
  });
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  auto* instance = new Instance();  // freed by the environment
  instance->kv_pool = Napi::Persistent(KvPoolObject::define(env));
  instance->model = Napi::Persistent(ModelObject::define(env));
  env.SetInstanceData(instance);

  exports.Set("abi", kAbi);
  exports.Set("cpuFeatures", Napi::Function::New<cpu_features_list>(env, "cpuFeatures"));
  exports.Set("devices", Napi::Function::New<devices>(env, "devices"));
  exports.Set("setThreads", Napi::Function::New<set_threads>(env, "setThreads"));
  exports.Set("readModelFiles", Napi::Function::New<read_model_files>(env, "readModelFiles"));
  exports.Set("readTensor", Napi::Function::New<read_tensor>(env, "readTensor"));
  exports.Set("loadModel", Napi::Function::New<load_model>(env, "loadModel"));
  exports.Set("createKvPool", Napi::Function::New<create_kv_pool>(env, "createKvPool"));
  exports.Set("prefixRoot", Napi::Function::New<make_prefix_root>(env, "prefixRoot"));
  exports.Set("prefixKeys", Napi::Function::New<make_prefix_keys>(env, "prefixKeys"));
  return exports;
}

}  // namespace
}  // namespace millrace

static Napi::Object init_addon(Napi::Env env, Napi::Object exports) {
  return millrace::init(env, exports);
}
NODE_API_MODULE(millrace, init_addon)
