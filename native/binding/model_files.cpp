#include "binding/model_files.hpp"

#include <algorithm>
#include <limits>
#include <memory>
#include <string>

#include "binding/arguments.hpp"
#include "binding/run_async.hpp"
#include "cpu/decode_tensor.hpp"
#include "formats/model_files.hpp"

namespace millrace {
namespace {

constexpr std::int64_t kMaxSafeInteger = 9007199254740991;

Napi::Value integer_value(Napi::Env env, const GgufValue& value, std::uint64_t i) {
  const std::optional<std::int64_t> number = value.int_at(i);
  // A uint64 above 2^63 - 1: no real key holds one.
  if (!number) return Napi::Number::New(env, std::numeric_limits<double>::infinity());
  if (-kMaxSafeInteger <= *number && *number <= kMaxSafeInteger)
    return Napi::Number::New(env, static_cast<double>(*number));
  return Napi::BigInt::New(env, *number);
}

Napi::Value scalar_value(Napi::Env env, const GgufValue& value, std::uint64_t i) {
  if (is_gguf_integer(value.type())) return integer_value(env, value, i);
  switch (value.type()) {
    case GgufType::kBool:
      return Napi::Boolean::New(env, value.bool_at(i).value_or(false));
    case GgufType::kString: {
      const std::string_view text = value.string_at(i).value_or("");
      return Napi::String::New(env, text.data(), text.size());
    }
    default:
      return Napi::Number::New(env, value.double_at(i).value_or(0));
  }
}

Napi::Value array_value(Napi::Env env, const GgufValue& value);

Napi::Value metadata_value(Napi::Env env, const GgufValue& value) {
  return value.is_array() ? array_value(env, value) : scalar_value(env, value, 0);
}

// Vocabularies are large: numbers go into typed arrays, strings one by one.
Napi::Value array_value(Napi::Env env, const GgufValue& value) {
  const std::size_t size = value.size();
  if (value.type() == GgufType::kInt32 || value.type() == GgufType::kUint32) {
    auto array = Napi::Int32Array::New(env, size);
    for (std::size_t i = 0; i < size; ++i) array[i] = static_cast<std::int32_t>(value.int_at(i).value_or(0));
    return array;
  }
  if (value.type() == GgufType::kFloat32) {
    auto array = Napi::Float32Array::New(env, size);
    for (std::size_t i = 0; i < size; ++i) array[i] = static_cast<float>(value.double_at(i).value_or(0));
    return array;
  }
  auto array = Napi::Array::New(env, size);
  for (std::size_t i = 0; i < size; ++i) {
    const Napi::HandleScope scope(env);
    const GgufValue* nested = value.array_at(i);
    array.Set(static_cast<std::uint32_t>(i),
              nested ? metadata_value(env, *nested) : scalar_value(env, value, i));
  }
  return array;
}

Napi::Object tensor_info(Napi::Env env, const ModelFiles& files, const TensorView& tensor) {
  Napi::Object info = Napi::Object::New(env);
  auto shape = Napi::Array::New(env, tensor.shape.size());
  for (std::uint32_t i = 0; i < tensor.shape.size(); ++i) shape.Set(i, static_cast<double>(tensor.shape[i]));
  info.Set("name", tensor.name);
  info.Set("dtype", std::string(tensor.type_name));
  info.Set("shape", shape);
  info.Set("bytes", static_cast<double>(tensor.bytes));
  info.Set("file", files.files()[tensor.file_index].name());
  return info;
}

Napi::Value files_info(Napi::Env env, const ModelFiles& files) {
  Napi::Object info = Napi::Object::New(env);
  info.Set("format", files.format() == ModelFormat::kGguf ? "gguf" : "safetensors");
  auto list = Napi::Array::New(env, files.files().size());
  for (std::uint32_t i = 0; i < files.files().size(); ++i) {
    Napi::Object file = Napi::Object::New(env);
    file.Set("path", files.files()[i].name());
    file.Set("bytes", static_cast<double>(files.files()[i].size()));
    list.Set(i, file);
  }
  auto tensors = Napi::Array::New(env, files.tensors().size());
  for (std::uint32_t i = 0; i < files.tensors().size(); ++i) {
    const Napi::HandleScope scope(env);
    tensors.Set(i, tensor_info(env, files, files.tensors()[i]));
  }
  Napi::Object metadata = Napi::Object::New(env);
  for (const auto& [key, value] : files.gguf_metadata().entries()) {
    const Napi::HandleScope scope(env);
    metadata.Set(key, metadata_value(env, value));
  }
  info.Set("files", list);
  info.Set("tensors", tensors);
  info.Set("metadata", metadata);
  return info;
}

}  // namespace

Napi::Value read_model_files(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    using Files = std::unique_ptr<ModelFiles>;
    return run_async<Files>(
        info.Env(),
        [path = string_argument(info, 0, "path")](const auto&) {
          return std::make_unique<ModelFiles>(open_model_files(path));
        },
        [](Napi::Env env, Files&& files) { return files_info(env, *files); });
  });
}

Napi::Value read_tensor(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    return run_async<std::vector<float>>(
        info.Env(),
        [path = string_argument(info, 0, "path"), name = string_argument(info, 1, "name")](const auto&) {
          return decode_tensor(open_model_files(path).require(name));
        },
        [](Napi::Env env, std::vector<float>&& values) {
          auto array = Napi::Float32Array::New(env, values.size());
          std::copy(values.begin(), values.end(), array.Data());
          return array;
        });
  });
}

}  // namespace millrace
