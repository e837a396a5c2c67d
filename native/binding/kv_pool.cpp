#include "binding/kv_pool.hpp"

#include <cstring>

#include "binding/arguments.hpp"
#include "binding/instance.hpp"

namespace millrace {
namespace {

constexpr std::int64_t kMaxTokens = std::int64_t{1} << 40;

Slot slot_argument(const Napi::CallbackInfo& info) {
  return static_cast<Slot>(int_argument(info, 0, "slot", 0, (std::int64_t{1} << 31) - 1));
}

}  // namespace

Digest read_digest(const Napi::Value& value, const char* field) {
  const auto bytes = bytes_view(value, field, sizeof(Digest));
  if (bytes.size() != sizeof(Digest)) refuse_argument(field, "must have 32 bytes");
  Digest digest;
  std::memcpy(digest.data(), bytes.data(), digest.size());
  return digest;
}

Napi::Value digest_bytes(Napi::Env env, const Digest& digest) {
  auto bytes = Napi::Uint8Array::New(env, digest.size());
  std::memcpy(bytes.Data(), digest.data(), digest.size());
  return bytes;
}

Napi::Function KvPoolObject::define(Napi::Env env) {
  return DefineClass(
      env, "NativeKvPool",
      {InstanceAccessor<&KvPoolObject::block_tokens>("blockTokens"),
       InstanceAccessor<&KvPoolObject::total_blocks>("totalBlocks"),
       InstanceAccessor<&KvPoolObject::host_blocks>("hostBlocks"),
       InstanceMethod<&KvPoolObject::open>("open"), InstanceMethod<&KvPoolObject::close>("close"),
       InstanceMethod<&KvPoolObject::grow>("grow"), InstanceMethod<&KvPoolObject::free>("free"),
       InstanceMethod<&KvPoolObject::swap_out>("swapOut"), InstanceMethod<&KvPoolObject::swap_in>("swapIn"),
       InstanceMethod<&KvPoolObject::is_swapped>("isSwapped"), InstanceMethod<&KvPoolObject::fork>("fork"),
       InstanceMethod<&KvPoolObject::lookup>("lookup"), InstanceMethod<&KvPoolObject::attach>("attach"),
       InstanceMethod<&KvPoolObject::publish>("publish"),
       InstanceMethod<&KvPoolObject::blocks_of>("blocksOf"),
       InstanceMethod<&KvPoolObject::clear_cache>("clearCache"),
       InstanceMethod<&KvPoolObject::stats>("stats")});
}

Napi::Object KvPoolObject::make(Napi::Env env, std::shared_ptr<KvPool> pool) {
  auto held = Napi::External<std::shared_ptr<KvPool>>::New(env, &pool);  // read at once, in the constructor
  return Instance::of(env).kv_pool.New({held});
}

KvPoolObject::KvPoolObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<KvPoolObject>(info) {
  if (!info[0].IsExternal()) throw to_js_error(info.Env(), "ERR_INVALID_ARGUMENT", "Use createKvPool().");
  pool_ = *info[0].As<Napi::External<std::shared_ptr<KvPool>>>().Data();
}

Napi::Value KvPoolObject::block_tokens(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), pool_->block_tokens());
}

Napi::Value KvPoolObject::total_blocks(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(pool_->total_blocks()));
}

Napi::Value KvPoolObject::host_blocks(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(pool_->host_blocks()));
}

Napi::Value KvPoolObject::open(const Napi::CallbackInfo& info) {
  return guarded(info, [&] { return Napi::Number::New(info.Env(), pool_->open()); });
}

void KvPoolObject::close(const Napi::CallbackInfo& info) {
  guarded(info, [&] { pool_->close(slot_argument(info)); });
}

Napi::Value KvPoolObject::grow(const Napi::CallbackInfo& info) {
  return guarded(info, [&] {
    const std::int64_t tokens = int_argument(info, 1, "tokens", 0, kMaxTokens);
    return Napi::Boolean::New(info.Env(), pool_->grow(slot_argument(info), tokens));
  });
}

void KvPoolObject::free(const Napi::CallbackInfo& info) {
  guarded(info, [&] { pool_->free(slot_argument(info)); });
}

Napi::Value KvPoolObject::swap_out(const Napi::CallbackInfo& info) {
  return guarded(info, [&] { return Napi::Boolean::New(info.Env(), pool_->swap_out(slot_argument(info))); });
}

Napi::Value KvPoolObject::swap_in(const Napi::CallbackInfo& info) {
  return guarded(info, [&] { return Napi::Boolean::New(info.Env(), pool_->swap_in(slot_argument(info))); });
}

Napi::Value KvPoolObject::is_swapped(const Napi::CallbackInfo& info) {
  return guarded(info,
                 [&] { return Napi::Boolean::New(info.Env(), pool_->is_swapped(slot_argument(info))); });
}

Napi::Value KvPoolObject::fork(const Napi::CallbackInfo& info) {
  return guarded(info, [&] {
    const std::int64_t tokens = int_argument(info, 1, "tokens", 0, kMaxTokens);
    return Napi::Number::New(info.Env(), pool_->fork(slot_argument(info), tokens));
  });
}

Napi::Value KvPoolObject::lookup(const Napi::CallbackInfo& info) {
  return guarded(info, [&] {
    const std::int64_t tokens = int_argument(info, 1, "numTokens", 1, kMaxTokens);
    return Napi::Number::New(info.Env(),
                             static_cast<double>(pool_->lookup(bytes_view(info[0], "keys"), tokens)));
  });
}

Napi::Value KvPoolObject::attach(const Napi::CallbackInfo& info) {
  return guarded(info, [&] {
    const std::int64_t tokens = int_argument(info, 2, "numTokens", 1, kMaxTokens);
    return Napi::Number::New(info.Env(), static_cast<double>(pool_->attach(
                                             slot_argument(info), bytes_view(info[1], "keys"), tokens)));
  });
}

void KvPoolObject::publish(const Napi::CallbackInfo& info) {
  guarded(info, [&] {
    pool_->publish(slot_argument(info), read_digest(info[1], "root"), int32_view(info[2], "tokenIds"));
  });
}

Napi::Value KvPoolObject::blocks_of(const Napi::CallbackInfo& info) {
  return guarded(info, [&] {
    return Napi::Number::New(info.Env(), static_cast<double>(pool_->table(slot_argument(info)).size()));
  });
}

void KvPoolObject::clear_cache(const Napi::CallbackInfo& info) {
  guarded(info, [&] { pool_->clear_cache(); });
}

Napi::Value KvPoolObject::stats(const Napi::CallbackInfo& info) {
  const KvStats stats = pool_->stats();
  const std::pair<const char*, std::int64_t> fields[] = {{"totalBlocks", stats.total_blocks},
                                                         {"freeBlocks", stats.free_blocks},
                                                         {"usedBlocks", stats.used_blocks},
                                                         {"cachedBlocks", stats.cached_blocks},
                                                         {"evictions", stats.evictions},
                                                         {"copies", stats.copies},
                                                         {"hitTokens", stats.hit_tokens},
                                                         {"queryTokens", stats.query_tokens},
                                                         {"hostBlocks", stats.host_blocks},
                                                         {"hostFreeBlocks", stats.host_free_blocks},
                                                         {"swappedOutTokens", stats.swapped_out_tokens},
                                                         {"swappedInTokens", stats.swapped_in_tokens}};
  Napi::Object object = Napi::Object::New(info.Env());
  for (const auto& [name, value] : fields) object.Set(name, static_cast<double>(value));
  return object;
}

}  // namespace millrace
