#include "binding/load_model.hpp"

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "binding/arguments.hpp"
#include "binding/devices.hpp"
#include "binding/model.hpp"
#include "binding/run_async.hpp"
#include "cpu/thread_placement.hpp"
#include "formats/fingerprint.hpp"
#include "formats/model_files.hpp"
#include "runtime/model_runtime.hpp"

namespace millrace {
namespace {

constexpr std::int64_t kMaxCount = 1 << 30;

struct MapEntry {
  int start, end;
  std::vector<std::string> devices;
};

// LoadOptions of src/native/binding.ts.
struct LoadOptions {
  std::string path, spec, kernels;
  std::vector<MapEntry> device_map;
  bool deterministic = false;
  std::string nccl = "auto";
  bool preallocate_kv = false;
  Quantization quantization;
  DType activation_dtype = DType::kF32, kv_dtype = DType::kF32;
  int kv_blocks = 0, kv_host_blocks = 0;
  StepLimits limits;
  bool stage_times = false;
};

DType read_dtype(const Napi::Object& object, const char* field) {
  const std::string name = string_field(object, field);
  if (name == "f32") return DType::kF32;
  if (name == "f16") return DType::kF16;
  if (name == "bf16") return DType::kBF16;
  refuse_argument(field, "must be f32, f16 or bf16");
}

Quantization read_quantization(const Napi::Object& object) {
  const std::string kind = string_field(object, "quantize");
  const auto group = static_cast<int>(int_field(object, "quantizeGroup", 32, 128));
  if (group != 32 && group != 64 && group != 128) refuse_argument("quantizeGroup", "must be 32, 64 or 128");
  if (kind == "none") return {};
  if (kind == "int8") return {Quantization::Kind::kInt8};
  if (kind == "int4") return {Quantization::Kind::kInt4, group};
  refuse_argument("quantize", "must be none, int8 or int4");
}

std::optional<Isa> read_isa(const std::string& name) {
  if (name == "auto") return std::nullopt;
  if (const auto isa = parse_isa(name)) return isa;
  refuse_argument("kernels", "must be auto, scalar, avx2, avx512, avx512-vnni, avx512-bf16 or amx");
}

int count_field(const Napi::Object& object, const char* field, std::int64_t low,
                std::int64_t high = kMaxCount) {
  return static_cast<int>(int_field(object, field, low, high));
}

LoadOptions read_options(const Napi::Object& object) {
  LoadOptions options;
  options.path = string_field(object, "path");
  options.spec = string_field(object, "spec");
  options.kernels = string_field(object, "kernels");
  read_isa(options.kernels);
  options.deterministic = bool_field(object, "deterministic");
  if (object.Has("nccl")) options.nccl = string_field(object, "nccl");
  options.preallocate_kv = bool_field(object, "preallocateKv");
  options.quantization = read_quantization(object);
  options.kv_dtype = read_dtype(object, "kvDtype");
  options.activation_dtype = read_dtype(object, "activationDtype");
  options.kv_blocks = count_field(object, "kvBlocks", 1);
  options.kv_host_blocks = count_field(object, "kvHostBlocks", 0);
  options.limits = {count_field(object, "maxRows", 1), count_field(object, "maxTokens", 1),
                    count_field(object, "maxSequenceTokens", 1), count_field(object, "blockTokens", 1, 4096),
                    count_field(object, "maxLogprobs", 0)};
  options.stage_times = object.Get("stageTimes").ToBoolean();
  if (!object.Get("deviceMap").IsArray()) refuse_argument("deviceMap", "must be a list of stages");
  const auto map = object.Get("deviceMap").As<Napi::Array>();
  for (std::uint32_t i = 0; i < map.Length(); ++i) {
    if (!map.Get(i).IsObject()) refuse_argument("deviceMap", "must be a list of stages");
    const auto entry = map.Get(i).As<Napi::Object>();
    options.device_map.push_back({count_field(entry, "start", 0), count_field(entry, "end", 1),
                                  string_list(entry.Get("devices"), "deviceMap.devices")});
  }
  return options;
}

struct Loaded {
  std::shared_ptr<ModelRuntime> runtime;
  std::string fingerprint;
};

Loaded load(const LoadOptions& options, const std::function<void(double)>& report) {
  const AffinityGuard guard;  // weights are packed by the pool, and this thread is Node's
  RuntimeOptions runtime;
  runtime.spec = parse_model_spec(options.spec);
  runtime.quantization = options.quantization;
  runtime.kv_dtype = options.kv_dtype;
  runtime.kv_blocks = options.kv_blocks;
  runtime.kv_host_blocks = options.kv_host_blocks;
  runtime.preallocate_kv = options.preallocate_kv;
  runtime.limits = options.limits;
  runtime.stage_times = options.stage_times;
  for (const MapEntry& entry : options.device_map) {
    DeviceMapEntry stage{entry.start, entry.end, {}};
    for (const std::string& name : entry.devices) {
      stage.devices.push_back(open_device(
          name, {read_isa(options.kernels), options.deterministic, options.activation_dtype, options.nccl}));
    }
    runtime.device_map.push_back(std::move(stage));
  }
  const ModelFiles files = open_model_files(options.path);
  Loaded loaded = {std::make_shared<ModelRuntime>(files, std::move(runtime), report), fingerprint(files)};
#if defined(__GLIBC__)
  // What loading took and freed, the tokenizer's part above all, would stay with the process.
  malloc_trim(0);
#endif
  return loaded;
}

}  // namespace

Napi::Value load_model(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    return run_async<Loaded>(
        info.Env(),
        [options = read_options(object_argument(info, 0, "options"))](const auto& report) {
          return load(options, report);
        },
        [](Napi::Env env, Loaded&& loaded) {
          // Each step's tokens pass through this thread, beside threads that compute all the time.
          ask_for_short_slices();
          return ModelObject::make(env, std::move(loaded.runtime), loaded.fingerprint);
        },
        info[1]);
  });
}

}  // namespace millrace
