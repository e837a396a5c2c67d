// The table of plugin/device_abi.h over CardDevice.
#include "plugin/device_abi.h"

#include <cstdio>
#include <exception>
#include <new>
#include <span>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "device/card_device.hpp"
#include "device/card_group.hpp"
#include "libraries/cublaslt_choice.hpp"

namespace millrace::gpu {
namespace {

CardDevice& device_of(MillraceDevice* device) {
  return *reinterpret_cast<CardDevice*>(device);
}

CardWeight* weight_of(MillraceWeight* weight) {
  return reinterpret_cast<CardWeight*>(weight);
}

std::span<const BlockCopy> copies_of(const MillraceBlockCopy* copies, std::int32_t count) {
  return {reinterpret_cast<const BlockCopy*>(copies), static_cast<std::size_t>(count)};
}

std::int32_t fail(MillraceError* error, const std::string& code, const char* message) {
  std::snprintf(error->code, sizeof error->code, "%s", code.c_str());
  std::snprintf(error->message, sizeof error->message, "%s", message);
  return 1;
}

std::string code_of(const GpuError& error) {
  switch (error.kind()) {
    case GpuError::Kind::kOutOfMemory:
      return "ERR_OUT_OF_MEMORY";
    case GpuError::Kind::kLost:
      return "ERR_DEVICE_LOST";
    case GpuError::Kind::kOther:
      break;
  }
  return "ERR_DEVICE_FAILED";
}

template <typename Body>
std::int32_t guarded(MillraceError* error, const Body& body) {
  try {
    body();
    return 0;
  } catch (const GpuError& failure) {
    return fail(error, code_of(failure), failure.what());
  } catch (const Error& failure) {
    return fail(error, failure.code(), failure.what());
  } catch (const std::bad_alloc&) {
    return fail(error, "ERR_OUT_OF_MEMORY", "the host has no memory left");
  } catch (const std::exception& failure) {
    return fail(error, "ERR_DEVICE_FAILED", failure.what());
  }
}

// A function of a device: what loses the card ends all that comes after.
template <typename Body>
std::int32_t on_device(MillraceDevice* handle, MillraceError* error, const Body& body) {
  return guarded(error, [&] {
    CardDevice& device = device_of(handle);
    try {
      device.enter();
      body(device);
    } catch (const GpuError& failure) {
      if (failure.kind() == GpuError::Kind::kLost) device.lose(failure.what());
      throw;
    }
  });
}

std::int32_t count_cards(std::int32_t* count, MillraceError* error) {
  std::string reason;
  *count = card_count(reason);
  if (*count == 0) fail(error, "ERR_DEVICE_UNAVAILABLE", reason.c_str());
  return 0;
}

std::int32_t describe_card(std::int32_t card, MillraceCard* out, MillraceError* error) {
  return guarded(error, [&] {
    const CardInfo info = card_info(card);
    std::snprintf(out->name, sizeof out->name, "%s", info.name.c_str());
    out->major = info.major;
    out->minor = info.minor;
    out->multiprocessors = info.multiprocessors;
    out->driver_version = info.driver_version;
    out->total_bytes = info.total_bytes;
    out->free_bytes = info.free_bytes;
    if (!info.reason.empty()) throw GpuError(GpuError::Kind::kOther, info.reason);
    std::snprintf(out->products, sizeof out->products, "%s", describe_products().c_str());
  });
}

std::int32_t open(const MillraceOpenOptions* options, MillraceDevice** device, MillraceError* error) {
  return guarded(error, [&] { *device = reinterpret_cast<MillraceDevice*>(new CardDevice(*options)); });
}

void close(MillraceDevice* device) {
  delete &device_of(device);
}

std::int32_t prepare(MillraceDevice* device, const MillraceWorkLimits* limits, std::int64_t* bytes,
                     MillraceError* error) {
  return on_device(device, error, [&](CardDevice& card) { *bytes = card.prepare(*limits); });
}

std::int32_t allocate_memory(MillraceDevice* device, std::int64_t bytes, void** memory,
                             MillraceError* error) {
  return on_device(device, error, [&](CardDevice& card) { *memory = card.allocate_zeroed(bytes); });
}

void release_memory(MillraceDevice* device, void* memory) {
  device_of(device).release_memory(memory);
}

std::int32_t allocate_host(MillraceDevice* device, std::int64_t bytes, void** memory, MillraceError* error) {
  return on_device(device, error, [&](CardDevice&) { *memory = allocate_pinned(bytes); });
}

void release_host(MillraceDevice* device, void* memory) {
  device_of(device).release_host(memory);
}

std::int32_t upload(MillraceDevice* device, const MillraceWeightView* views, std::int32_t count,
                    MillraceQuantization quantization, MillraceWeight** weight, std::int64_t* device_bytes,
                    MillraceError* error) {
  return on_device(device, error, [&](CardDevice& card) {
    std::vector<WeightView> parts;
    for (std::int32_t i = 0; i < count; ++i) {
      const MillraceWeightView& view = views[i];
      parts.push_back({static_cast<const std::byte*>(view.data), static_cast<DType>(view.dtype), view.rows,
                       view.cols, view.row_bytes});
    }
    CardWeight* made =
        card.upload(parts, {static_cast<Quantization::Kind>(quantization.kind), quantization.group});
    *device_bytes = made->device_bytes();
    *weight = reinterpret_cast<MillraceWeight*>(made);
  });
}

void release_weight(MillraceDevice* device, MillraceWeight* weight) {
  device_of(device).release_weight(weight_of(weight));
}

std::int32_t copy_to_device(MillraceDevice* device, void* to, const void* from, std::int64_t bytes,
                            MillraceError* error) {
  return on_device(device, error, [&](CardDevice& card) { card.copy_to_device(to, from, bytes); });
}

std::int32_t copy_to_host(MillraceDevice* device, void* to, const void* from, std::int64_t bytes,
                          MillraceError* error) {
  return on_device(device, error, [&](CardDevice& card) { card.copy_to_host(to, from, bytes); });
}

std::int32_t copy_from(MillraceDevice* device, MillraceDevice* source, void* to, const void* from,
                       std::int64_t bytes, MillraceError* error) {
  return on_device(device, error,
                   [&](CardDevice& card) { card.copy_from(device_of(source), to, from, bytes); });
}

std::int32_t embed(MillraceDevice* device, const MillraceBatch* batch, const MillraceWeight* table,
                   MillraceTensor out, MillraceError* error) {
  return on_device(device, error, [&](CardDevice& card) {
    card.embed(*batch, *reinterpret_cast<const CardWeight*>(table), out);
  });
}

std::int32_t norm(MillraceDevice* device, const MillraceNorm* args, MillraceError* error) {
  return on_device(device, error, [&](CardDevice& card) { card.norm(*args); });
}

std::int32_t matmul(MillraceDevice* device, const MillraceMatmul* args, MillraceError* error) {
  return on_device(device, error, [&](CardDevice& card) { card.matmul(*args); });
}

std::int32_t rope_store(MillraceDevice* device, const MillraceBatch* batch, const MillraceRopeStore* args,
                        MillraceError* error) {
  return on_device(device, error, [&](CardDevice& card) { card.rope_store(*batch, *args); });
}

std::int32_t attention(MillraceDevice* device, const MillraceBatch* batch, const MillraceAttention* args,
                       MillraceError* error) {
  return on_device(device, error, [&](CardDevice& card) { card.attention(*batch, *args); });
}

std::int32_t gather_rows(MillraceDevice* device, MillraceTensor x, const std::int32_t* indices,
                         MillraceTensor out, MillraceError* error) {
  return on_device(device, error, [&](CardDevice& card) { card.gather_rows(x, indices, out); });
}

std::int32_t add(MillraceDevice* device, MillraceTensor x, MillraceTensor delta, MillraceError* error) {
  return on_device(device, error, [&](CardDevice& card) { card.add(x, delta); });
}

std::int32_t copy_blocks(MillraceDevice* device, const MillraceKvLayer* kv, const MillraceBlockCopy* copies,
                         std::int32_t count, MillraceError* error) {
  return on_device(device, error, [&](CardDevice& card) { card.copy_blocks(*kv, copies_of(copies, count)); });
}

std::int32_t copy_out(MillraceDevice* device, const MillraceKvLayer* kv, MillraceHostLayer host,
                      const MillraceBlockCopy* copies, std::int32_t count, MillraceError* error) {
  return on_device(device, error,
                   [&](CardDevice& card) { card.copy_out(*kv, host, copies_of(copies, count)); });
}

std::int32_t copy_in(MillraceDevice* device, const MillraceKvLayer* kv, MillraceHostLayer host,
                     const MillraceBlockCopy* copies, std::int32_t count, MillraceError* error) {
  return on_device(device, error,
                   [&](CardDevice& card) { card.copy_in(*kv, host, copies_of(copies, count)); });
}

std::int32_t sample(MillraceDevice* device, MillraceTensor logits, const MillraceSampleRow* rows,
                    MillraceSampleResult* results, MillraceError* error) {
  return on_device(device, error, [&](CardDevice& card) { card.sample(logits, rows, results); });
}

std::int32_t log_probs(MillraceDevice* device, const MillraceLogProbs* args, MillraceError* error) {
  return on_device(device, error, [&](CardDevice& card) { card.log_probs(*args); });
}

std::int32_t begin_repeat(MillraceDevice* device, std::uint64_t key, std::int32_t* how,
                          MillraceError* error) {
  return on_device(device, error, [&](CardDevice& card) { *how = card.begin_repeat(key); });
}

std::int32_t end_repeat(MillraceDevice* device, std::int32_t failed, MillraceError* error) {
  return on_device(device, error, [&](CardDevice& card) { card.end_repeat(failed != 0); });
}

std::int32_t synchronize(MillraceDevice* device, MillraceError* error) {
  return on_device(device, error, [](CardDevice& card) { card.synchronize(); });
}

CardGroup& group_of(MillraceGroup* group) {
  return *reinterpret_cast<CardGroup*>(group);
}

std::int32_t open_group(MillraceDevice* const* members, std::int32_t count,
                        const MillraceGroupOptions* options, MillraceGroup** group, MillraceError* error) {
  return guarded(error, [&] {
    std::vector<CardDevice*> cards;
    for (std::int32_t i = 0; i < count; ++i) cards.push_back(&device_of(members[i]));
    std::string reason;
    auto opened =
        CardGroup::open(cards, {options->nccl, std::chrono::milliseconds(options->patience_ms)}, reason);
    if (opened == nullptr) fail(error, "", reason.c_str());
    *group = reinterpret_cast<MillraceGroup*>(opened.release());
  });
}

void close_group(MillraceGroup* group) {
  delete &group_of(group);
}

void name_group(MillraceGroup* group, char* name, std::int32_t bytes) {
  std::snprintf(name, static_cast<std::size_t>(bytes), "%s", group_of(group).name().c_str());
}

std::int32_t all_reduce(MillraceGroup* group, std::int32_t member, MillraceTensor mine,
                        MillraceError* error) {
  return guarded(error, [&] { group_of(group).all_reduce(member, mine); });
}

constexpr MillraceDeviceTable kTable = {
    MILLRACE_DEVICE_ABI,
    sizeof(MillraceDeviceTable),
    count_cards,
    describe_card,
    open,
    close,
    prepare,
    allocate_memory,
    release_memory,
    allocate_host,
    release_host,
    upload,
    release_weight,
    copy_to_device,
    copy_to_host,
    copy_from,
    embed,
    norm,
    matmul,
    rope_store,
    attention,
    gather_rows,
    add,
    copy_blocks,
    copy_out,
    copy_in,
    sample,
    log_probs,
    begin_repeat,
    end_repeat,
    synchronize,
    open_group,
    close_group,
    name_group,
    all_reduce,
};

}  // namespace
}  // namespace millrace::gpu

extern "C" __attribute__((visibility("default"))) const MillraceDeviceTable* millrace_device_plugin(void) {
  return &millrace::gpu::kTable;
}
