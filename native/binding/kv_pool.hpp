#pragma once
#include <napi.h>

#include <memory>

#include "runtime/kv_pool.hpp"

namespace millrace {

// NativeKvPool of src/native/binding.ts.
class KvPoolObject final : public Napi::ObjectWrap<KvPoolObject> {
 public:
  static Napi::Function define(Napi::Env env);
  static Napi::Object make(Napi::Env env, std::shared_ptr<KvPool> pool);
  explicit KvPoolObject(const Napi::CallbackInfo& info);

 private:
  Napi::Value block_tokens(const Napi::CallbackInfo& info);
  Napi::Value total_blocks(const Napi::CallbackInfo& info);
  Napi::Value host_blocks(const Napi::CallbackInfo& info);
  Napi::Value open(const Napi::CallbackInfo& info);
  void close(const Napi::CallbackInfo& info);
  Napi::Value grow(const Napi::CallbackInfo& info);
  void free(const Napi::CallbackInfo& info);
  Napi::Value swap_out(const Napi::CallbackInfo& info);
  Napi::Value swap_in(const Napi::CallbackInfo& info);
  Napi::Value is_swapped(const Napi::CallbackInfo& info);
  Napi::Value fork(const Napi::CallbackInfo& info);
  Napi::Value lookup(const Napi::CallbackInfo& info);
  Napi::Value attach(const Napi::CallbackInfo& info);
  void publish(const Napi::CallbackInfo& info);
  Napi::Value blocks_of(const Napi::CallbackInfo& info);
  void clear_cache(const Napi::CallbackInfo& info);
  Napi::Value stats(const Napi::CallbackInfo& info);

  std::shared_ptr<KvPool> pool_;
};

// A root or a key: 32 bytes.
Digest read_digest(const Napi::Value& value, const char* field);
Napi::Value digest_bytes(Napi::Env env, const Digest& digest);

}  // namespace millrace
