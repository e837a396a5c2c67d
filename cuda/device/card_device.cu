#include "device/card_device.hpp"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "core/error.hpp"
#include "device/card_group.hpp"
#include "libraries/cublaslt_choice.hpp"

namespace millrace::gpu {
namespace {

// For what a step brings to the card and takes from it; large copies go through it in pieces.
constexpr std::int64_t kPinnedBytes = std::int64_t{8} << 20;

CardInfo info_of(int card) {
  use_card(card);
  return card_info(card);
}

CardFormat format_of(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return CardFormat::kF32;
    case DType::kF16:
      return CardFormat::kF16;
    case DType::kBF16:
      return CardFormat::kBF16;
    default:
      throw Error("ERR_INVALID_PARAMETER",
                  "cards compute in F32, BF16 or F16, not in " + std::string(dtype_name(dtype)));
  }
}

// The thread's card is `card`. F32 has no use for it.
std::unique_ptr<CublasLt> library_of(int card, DType activations) {
  if (activations == DType::kF32) return nullptr;
  return open_cublaslt([card](const std::string& what) {
    std::fprintf(stderr, "millrace: cuda:%d: %s.\n", card, what.c_str());
  });
}

}  // namespace

CardDevice::CardDevice(const MillraceOpenOptions& options)
    : card_(options.card),
      activations_(static_cast<DType>(options.activations)),
      info_(info_of(options.card)),
      copies_(stream_, kPinnedBytes),
      swaps_(stream_),
      repeated_(stream_),
      logits_(stream_, copies_),
      cublaslt_(library_of(card_, activations_)),
      library_(library_for(cublaslt_.get(), info_.major, info_.minor)),
      uploader_(format_of(activations_), options.threads) {}

CardDevice::~CardDevice() {
  wait_unless_lost();
}

void CardDevice::enter() const {
  if (!lost_.empty()) throw GpuError(GpuError::Kind::kLost, lost_);
  use_card(card_);
}

void CardDevice::lose(const std::string& reason) {
  if (lost_.empty()) lost_ = reason;
  if (group_ != nullptr) group_->fail("cuda:" + std::to_string(card_) + ": " + reason);
  copies_.drop();
  logits_.drop();
}

void* CardDevice::allocate_zeroed(std::int64_t bytes) {
  void* memory = allocate(std::max<std::int64_t>(1, bytes));
  stream_.fill(memory, 0, bytes);
  return memory;
}

void CardDevice::release_memory(void* memory) {
  wait_unless_lost();
  release(memory);
}

void CardDevice::release_host(void* memory) {
  wait_unless_lost();
  release_pinned(memory);
}

void CardDevice::wait_unless_lost() {
  try {
    use_card(card_);
    if (!lost_.empty()) return;
    stream_.synchronize();
    swaps_.wait();
  } catch (const GpuError& failure) {
    lose(failure.what());  // there is nothing to wait for any more
  }
}

CardWeight* CardDevice::upload(std::span<const WeightView> views, Quantization quantization) {
  auto weight = uploader_.upload(views, quantization);
  weights_.insert(weight.get());
  return weight.release();
}

void CardDevice::release_weight(CardWeight* weight) {
  wait_unless_lost();
  weights_.erase(weight);
  delete weight;
}

void CardDevice::copy_to_device(void* to, const void* from, std::int64_t bytes) {
  refuse_while_recording("a copy from the host");
  copies_.to_device(to, from, bytes);
}

void CardDevice::copy_to_host(void* to, const void* from, std::int64_t bytes) {
  refuse_while_recording("a copy to the host");
  copies_.to_host(to, from, bytes);
}

void CardDevice::copy_from(CardDevice& source, void* to, const void* from, std::int64_t bytes) {
  try {
    source.enter();
    source.stream_.record(source.handed_over_);
  } catch (const GpuError& failure) {
    throw GpuError(failure.kind(), "cuda:" + std::to_string(source.card_) +
                                       ", from which it copies, failed: " + failure.what());
  }
  enter();
  stream_.wait(source.handed_over_);
  if (source.card_ == card_) {
    stream_.copy_on_device(to, from, bytes);
  } else {
    if (accessed_.insert(source.card_).second) allow_access(card_, source.card_);
    stream_.copy_from_card(to, card_, from, source.card_, bytes);
  }
  // The source must not write over it before.
  stream_.record(handed_over_);
  source.enter();
  source.stream_.wait(handed_over_);
  enter();
}

MillraceRepeat CardDevice::begin_repeat(std::uint64_t key) {
  // A graph knows nothing of copies beside it.
  if (swaps_.is_pending()) return MILLRACE_NO_REPEAT;
  switch (repeated_.begin(key)) {
    case RepeatedWork::Next::kDone:
      return MILLRACE_REPEATED;
    case RepeatedWork::Next::kRecord:
      return MILLRACE_RECORD;
    case RepeatedWork::Next::kQueue:
      break;
  }
  return MILLRACE_NO_REPEAT;
}

void CardDevice::end_repeat(bool failed) {
  if (failed) {
    repeated_.drop();
  } else {
    repeated_.end();
  }
}

void CardDevice::synchronize() {
  refuse_while_recording("to wait");
  stream_.synchronize();
  if (group_ != nullptr) group_->check();
  copies_.finish();
  logits_.finish();
}

void CardDevice::refuse_while_recording(const char* what) const {
  if (repeated_.is_recording())
    throw GpuError(GpuError::Kind::kOther, std::string(what) + " cannot be part of work that is repeated");
}

}  // namespace millrace::gpu
