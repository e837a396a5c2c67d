#include "binding/arguments.hpp"

#include <cmath>

namespace millrace {
namespace {

template <typename Array, typename Element>
std::span<const Element> typed_view(const Napi::Value& value, const char* field, napi_typedarray_type type,
                                    const char* type_name, std::size_t at_least = 0) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != type) {
    refuse_argument(field, std::string("must be ") + type_name);
  }
  const auto array = value.As<Array>();
  if (array.ElementLength() < at_least) {
    refuse_argument(field, "has " + std::to_string(array.ElementLength()) + " elements; at least " +
                               std::to_string(at_least) + " are needed");
  }
  return {reinterpret_cast<const Element*>(array.Data()), array.ElementLength()};
}

std::int64_t checked_int(const Napi::Value& value, const std::string& name, std::int64_t low,
                         std::int64_t high) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : std::nan("");
  if (!(number >= static_cast<double>(low) && number <= static_cast<double>(high)) ||
      number != std::floor(number)) {
    refuse_argument(name,
                    "must be a whole number from " + std::to_string(low) + " to " + std::to_string(high));
  }
  return static_cast<std::int64_t>(number);
}

}  // namespace

void refuse_argument(const std::string& field, const std::string& problem) {
  throw Error("ERR_INVALID_ARGUMENT", field + " " + problem + ".");
}

Napi::Object object_field(const Napi::Object& object, const char* field) {
  const Napi::Value value = object.Get(field);
  if (!value.IsObject()) refuse_argument(field, "must be an object");
  return value.As<Napi::Object>();
}

double number_field(const Napi::Object& object, const char* field) {
  const Napi::Value value = object.Get(field);
  if (!value.IsNumber()) refuse_argument(field, "must be a number");
  return value.As<Napi::Number>().DoubleValue();
}

std::int64_t int_field(const Napi::Object& object, const char* field, std::int64_t low, std::int64_t high) {
  return checked_int(object.Get(field), field, low, high);
}

std::uint64_t bigint_field(const Napi::Object& object, const char* field) {
  const Napi::Value value = object.Get(field);
  bool lossless = false;
  const std::uint64_t number = value.IsBigInt() ? value.As<Napi::BigInt>().Uint64Value(&lossless) : 0;
  if (!lossless) refuse_argument(field, "must be a bigint from 0 to 2^64 - 1");
  return number;
}

bool bool_field(const Napi::Object& object, const char* field) {
  const Napi::Value value = object.Get(field);
  if (!value.IsBoolean()) refuse_argument(field, "must be true or false");
  return value.As<Napi::Boolean>().Value();
}

std::string string_field(const Napi::Object& object, const char* field) {
  const Napi::Value value = object.Get(field);
  if (!value.IsString()) refuse_argument(field, "must be a string");
  return value.As<Napi::String>().Utf8Value();
}

std::vector<std::string> string_list(const Napi::Value& value, const std::string& field) {
  if (!value.IsArray()) refuse_argument(field, "must be a list of strings");
  const auto array = value.As<Napi::Array>();
  std::vector<std::string> list;
  for (std::uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::Value item = array.Get(i);
    if (!item.IsString()) refuse_argument(field, "must be a list of strings");
    list.push_back(item.As<Napi::String>().Utf8Value());
  }
  return list;
}

std::span<const std::int32_t> int32_view(const Napi::Value& value, const char* field) {
  return typed_view<Napi::Int32Array, std::int32_t>(value, field, napi_int32_array, "an Int32Array");
}

std::span<const float> float32_view(const Napi::Value& value, const char* field) {
  return typed_view<Napi::Float32Array, float>(value, field, napi_float32_array, "a Float32Array");
}

std::span<const std::uint8_t> bytes_view(const Napi::Value& value, const char* field, std::size_t at_least) {
  return typed_view<Napi::Uint8Array, std::uint8_t>(value, field, napi_uint8_array, "a Uint8Array", at_least);
}

std::int64_t int_argument(const Napi::CallbackInfo& info, std::size_t i, const char* name, std::int64_t low,
                          std::int64_t high) {
  return checked_int(info[i], name, low, high);
}

std::string string_argument(const Napi::CallbackInfo& info, std::size_t i, const char* name) {
  if (!info[i].IsString()) refuse_argument(name, "must be a string");
  return info[i].As<Napi::String>().Utf8Value();
}

Napi::Object object_argument(const Napi::CallbackInfo& info, std::size_t i, const char* name) {
  if (!info[i].IsObject()) refuse_argument(name, "must be an object");
  return info[i].As<Napi::Object>();
}

Napi::Error to_js_error(Napi::Env env, const std::string& code, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code));
  return error;
}

}  // namespace millrace
