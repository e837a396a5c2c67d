#pragma once
#include <napi.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/error.hpp"

namespace millrace {

// The one reader of values that come from JavaScript. Each function checks the type, the range and the
// length, and throws ERR_INVALID_ARGUMENT naming the field. TypeScript checks for people; this, for memory.

[[noreturn]] void refuse_argument(const std::string& field, const std::string& problem);

Napi::Object object_field(const Napi::Object& object, const char* field);
double number_field(const Napi::Object& object, const char* field);
std::int64_t int_field(const Napi::Object& object, const char* field, std::int64_t low, std::int64_t high);
std::uint64_t bigint_field(const Napi::Object& object, const char* field);
bool bool_field(const Napi::Object& object, const char* field);
std::string string_field(const Napi::Object& object, const char* field);
std::vector<std::string> string_list(const Napi::Value& value, const std::string& field);

// Views of typed arrays: valid until JavaScript runs again. `at_least` is a number of elements.
std::span<const std::int32_t> int32_view(const Napi::Value& value, const char* field);
std::span<const float> float32_view(const Napi::Value& value, const char* field);
std::span<const std::uint8_t> bytes_view(const Napi::Value& value, const char* field,
                                         std::size_t at_least = 0);

std::int64_t int_argument(const Napi::CallbackInfo& info, std::size_t i, const char* name, std::int64_t low,
                          std::int64_t high);
std::string string_argument(const Napi::CallbackInfo& info, std::size_t i, const char* name);
Napi::Object object_argument(const Napi::CallbackInfo& info, std::size_t i, const char* name);

// A JavaScript Error with the code.
Napi::Error to_js_error(Napi::Env env, const std::string& code, const std::string& message);

// Calls fn and turns a C++ exception into a thrown JavaScript Error. Every exported function goes through it.
template <typename Fn>
auto guarded(const Napi::CallbackInfo& info, const Fn& fn) {
  try {
    return fn();
  } catch (const Error& error) {
    throw to_js_error(info.Env(), error.code(), error.what());
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::bad_alloc&) {
    throw to_js_error(info.Env(), "ERR_OUT_OF_MEMORY", "The system has no memory left for this call.");
  } catch (const std::exception& error) {
    throw to_js_error(info.Env(), "ERR_NATIVE", error.what());
  }
}

}  // namespace millrace
