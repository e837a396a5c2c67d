#include "runtime/kv_pool.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

#include "core/error.hpp"
#include "core/sha256.hpp"

namespace millrace {
namespace {

constexpr std::int64_t kMaxBlocks = std::int64_t{1} << 30;
constexpr std::size_t kDigestBytes = 32;

std::vector<std::int32_t> low_ids_first(std::int64_t count) {
  std::vector<std::int32_t> stack(static_cast<std::size_t>(count));
  std::iota(stack.rbegin(), stack.rend(), 0);
  return stack;
}

}  // namespace

Digest prefix_root(std::span<const std::string> parts) {
  std::string joined;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) joined += '\x1f';
    joined += parts[i];
  }
  return sha256(joined.data(), joined.size());
}

Digest prefix_key(const Digest& previous, std::span<const std::int32_t> block_token_ids) {
  static_assert(sizeof(std::int32_t) == 4);
  Sha256 hash;
  hash.update(previous.data(), previous.size());
  hash.update(block_token_ids.data(), block_token_ids.size_bytes());  // little endian, as all we run on
  return hash.finish();
}

KvPool::KvPool(std::int64_t total_blocks, int block_tokens, std::int64_t host_blocks)
    : block_tokens_(block_tokens), host_blocks_(host_blocks) {
  if (total_blocks < 1 || total_blocks > kMaxBlocks) {
    throw Error("ERR_INVALID_PARAMETER",
                "totalBlocks must be from 1 to 2^30, not " + std::to_string(total_blocks) + ".");
  }
  if (block_tokens < 1 || block_tokens > 4096) {
    throw Error("ERR_INVALID_PARAMETER",
                "blockTokens must be from 1 to 4096, not " + std::to_string(block_tokens) + ".");
  }
  if (host_blocks < 0 || host_blocks > kMaxBlocks) {
    throw Error("ERR_INVALID_PARAMETER",
                "hostBlocks must be from 0 to 2^30, not " + std::to_string(host_blocks) + ".");
  }
  blocks_.resize(static_cast<std::size_t>(total_blocks));
  free_list_ = low_ids_first(total_blocks);
  free_host_blocks_ = low_ids_first(host_blocks);
}

Slot KvPool::open() {
  Slot slot;
  if (free_slots_.empty()) {
    slot = static_cast<Slot>(sequences_.size());
    sequences_.emplace_back();
  } else {
    slot = free_slots_.back();
    free_slots_.pop_back();
  }
  sequences_[static_cast<std::size_t>(slot)].open = true;
  return slot;
}

void KvPool::close(Slot slot) {
  free(slot);
  at(slot).open = false;
  free_slots_.push_back(slot);
}

bool KvPool::grow(Slot slot, std::int64_t tokens) {
  Sequence& sequence = on_device(slot);
  if (tokens <= sequence.tokens) return true;
  const auto first_written = static_cast<std::size_t>(sequence.tokens / block_tokens_);
  const auto wanted = static_cast<std::size_t>((tokens + block_tokens_ - 1) / block_tokens_);
  // Only the last block that the slot holds can be both partly written and shared.
  bool copy_last = false;
  if (first_written < sequence.table.size()) {
    const Block& last = blocks_[static_cast<std::size_t>(sequence.table[first_written])];
    copy_last = last.references > 1 || last.indexed;
  }
  const std::size_t missing = wanted - std::min(wanted, sequence.table.size()) + (copy_last ? 1 : 0);
  if (static_cast<std::int64_t>(missing) > available()) return false;

  if (copy_last) {
    const std::int32_t shared = sequence.table[first_written];
    const std::int32_t own = take_block();  // before the release: the source must not be the block we get
    queue(BlockOp::kCopy, {shared, own});
    ++counters_.copies;
    sequence.table[first_written] = own;
    release(shared);
  }
  while (sequence.table.size() < wanted) sequence.table.push_back(take_block());
  sequence.tokens = tokens;
  return true;
}

bool KvPool::may_write_again(Slot slot, std::int64_t from) const {
  const Sequence& sequence = at(slot);
  if (from < 0 || from > sequence.written) return false;
  for (std::int64_t i = from / block_tokens_; i * block_tokens_ < sequence.written; ++i) {
    const Block& block = blocks_[static_cast<std::size_t>(sequence.table[static_cast<std::size_t>(i)])];
    if (block.references > 1 || block.indexed) return false;
  }
  return true;
}

void KvPool::free(Slot slot) {
  Sequence& sequence = at(slot);
  // The end of the chain first, so that it is evicted first.
  for (auto block = sequence.table.rbegin(); block != sequence.table.rend(); ++block) release(*block);
  sequence.table.clear();
  release_host_blocks(sequence);
  sequence.tokens = 0;
  sequence.written = 0;
  sequence.published = 0;
}

bool KvPool::swap_out(Slot slot) {
  Sequence& sequence = on_device(slot);
  if (sequence.table.size() > free_host_blocks_.size()) return false;
  for (const std::int32_t id : sequence.table) {
    const Block& block = blocks_[static_cast<std::size_t>(id)];
    const std::int32_t host = free_host_blocks_.back();
    free_host_blocks_.pop_back();
    sequence.on_host.push_back({host, block.indexed, block.key});
    queue(BlockOp::kOut, {id, host});
  }
  for (auto block = sequence.table.rbegin(); block != sequence.table.rend(); ++block) release(*block);
  sequence.table.clear();
  sequence.swapped = true;
  counters_.swapped_out_tokens += sequence.tokens;
  return true;
}

bool KvPool::swap_in(Slot slot) {
  Sequence& sequence = at(slot);
  if (!sequence.swapped) {
    throw Error("ERR_BAD_SLOT", "slot: " + std::to_string(slot) + " is not swapped out.");
  }
  std::vector<std::int32_t>& table = sequence.table;
  std::int64_t missing = 0, shared_cached = 0;
  for (const HostBlock& block : sequence.on_host) {
    const auto same = block.indexed ? index_.find(block.key) : index_.end();
    table.push_back(same == index_.end() ? -1 : same->second);
    if (table.back() < 0) {
      ++missing;
    } else if (blocks_[static_cast<std::size_t>(table.back())].references == 0) {
      ++shared_cached;
    }
  }
  if (missing > available() - shared_cached) {
    table.clear();
    return false;
  }
  // Before the others are taken: that could evict them.
  for (const std::int32_t block : table) {
    if (block >= 0) acquire(block);
  }
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (table[i] >= 0) continue;
    const HostBlock& from = sequence.on_host[i];
    table[i] = take_block();
    queue(BlockOp::kIn, {from.id, table[i]});
    if (from.indexed) add_to_index(table[i], from.key);
  }
  release_host_blocks(sequence);
  counters_.swapped_in_tokens += sequence.tokens;
  return true;
}

void KvPool::release_host_blocks(Sequence& sequence) {
  for (auto block = sequence.on_host.rbegin(); block != sequence.on_host.rend(); ++block) {
    free_host_blocks_.push_back(block->id);
  }
  sequence.on_host.clear();
  sequence.swapped = false;
}

Slot KvPool::fork(Slot parent, std::int64_t tokens) {
  if (tokens < 0 || tokens > on_device(parent).tokens) {
    throw Error("ERR_INVALID_PARAMETER", "tokens: a fork at " + std::to_string(tokens) +
                                             " tokens of a slot that has " +
                                             std::to_string(at(parent).tokens) + ".");
  }
  const Slot child = open();
  const Sequence& from = at(parent);
  Sequence& to = at(child);
  const auto shared = static_cast<std::size_t>((tokens + block_tokens_ - 1) / block_tokens_);
  to.table.assign(from.table.begin(), from.table.begin() + static_cast<std::ptrdiff_t>(shared));
  for (const std::int32_t block : to.table) acquire(block);
  to.tokens = tokens;
  to.written = tokens;
  to.published = 0;  // its chain is computed from the start when it publishes
  return child;
}

std::int64_t KvPool::matched_blocks(std::span<const std::uint8_t> keys, std::int64_t num_tokens) const {
  if (keys.size() % kDigestBytes != 0) {
    throw Error("ERR_INVALID_PARAMETER", "keys must hold 32 bytes a block.");
  }
  // At least one token is left to compute: its logits are wanted.
  const std::int64_t most = std::min<std::int64_t>(static_cast<std::int64_t>(keys.size() / kDigestBytes),
                                                   (num_tokens - 1) / block_tokens_);
  std::int64_t matched = 0;
  while (matched < most && index_.contains(key_of(keys.data() + matched * 32))) ++matched;
  return matched;
}

std::int64_t KvPool::lookup(std::span<const std::uint8_t> keys, std::int64_t num_tokens) const {
  return matched_blocks(keys, num_tokens) * block_tokens_;
}

std::int64_t KvPool::attach(Slot slot, std::span<const std::uint8_t> keys, std::int64_t num_tokens) {
  Sequence& sequence = on_device(slot);
  if (!sequence.table.empty()) {
    throw Error("ERR_INVALID_PARAMETER", "slot: attach needs an empty slot; free it first.");
  }
  const std::int64_t matched = matched_blocks(keys, num_tokens);
  for (std::int64_t i = 0; i < matched; ++i) {
    const std::int32_t block = index_.at(key_of(keys.data() + i * 32));
    acquire(block);
    sequence.table.push_back(block);
  }
  sequence.tokens = matched * block_tokens_;
  sequence.written = sequence.tokens;
  sequence.published = matched;
  if (matched > 0) std::memcpy(sequence.chain.data(), keys.data() + (matched - 1) * 32, kDigestBytes);
  counters_.query_tokens += num_tokens;
  counters_.hit_tokens += sequence.tokens;
  return sequence.tokens;
}

void KvPool::publish(Slot slot, const Digest& root, std::span<const std::int32_t> token_ids) {
  Sequence& sequence = on_device(slot);
  if (static_cast<std::int64_t>(token_ids.size()) > sequence.tokens) {
    throw Error("ERR_INVALID_PARAMETER", "tokenIds: " + std::to_string(token_ids.size()) +
                                             " tokens, but the slot has " + std::to_string(sequence.tokens) +
                                             ".");
  }
  if (sequence.published == 0) sequence.chain = root;
  const auto full = static_cast<std::int64_t>(token_ids.size()) / block_tokens_;
  for (; sequence.published < full; ++sequence.published) {
    const auto i = static_cast<std::size_t>(sequence.published);
    const auto width = static_cast<std::size_t>(block_tokens_);
    sequence.chain = prefix_key(sequence.chain, token_ids.subspan(i * width, width));
    const std::int32_t id = sequence.table[i];
    // Computed twice at the same time: the first copy serves, this one is freed with its slot.
    if (!blocks_[static_cast<std::size_t>(id)].indexed) add_to_index(id, key_of(sequence.chain.data()));
  }
}

void KvPool::clear_cache() {
  while (oldest_ != -1) {
    const std::int32_t block = oldest_;
    unlink(block);
    drop_from_index(block);
    free_list_.push_back(block);
  }
}

bool KvPool::is_open(Slot slot) const {
  return slot >= 0 && static_cast<std::size_t>(slot) < sequences_.size() &&
         sequences_[static_cast<std::size_t>(slot)].open;
}

BlockOps KvPool::take_block_ops() {
  return std::exchange(block_ops_, {});
}

KvStats KvPool::stats() const {
  KvStats stats = counters_;
  stats.total_blocks = total_blocks();
  stats.free_blocks = static_cast<std::int64_t>(free_list_.size());
  stats.cached_blocks = cached_;
  stats.used_blocks = stats.total_blocks - stats.free_blocks - stats.cached_blocks;
  stats.host_blocks = host_blocks_;
  stats.host_free_blocks = static_cast<std::int64_t>(free_host_blocks_.size());
  return stats;
}

std::string KvPool::audit() const {
  std::vector<std::int32_t> references(blocks_.size(), 0);
  for (const Sequence& sequence : sequences_) {
    if (!sequence.open && !sequence.table.empty()) return "a closed slot holds blocks";
    for (const std::int32_t block : sequence.table) ++references[static_cast<std::size_t>(block)];
  }
  for (const std::int32_t block : free_list_) {
    if (std::exchange(references[static_cast<std::size_t>(block)], -1) != 0)
      return "block " + std::to_string(block) + " is free and in use, or free twice";
  }
  for (const std::int32_t block : free_list_) references[static_cast<std::size_t>(block)] = 0;
  std::int64_t used = 0, cached = 0;
  std::size_t indexed = 0;
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const Block& block = blocks_[i];
    const std::string name = "block " + std::to_string(i);
    if (references[i] != block.references) return name + " has a wrong reference count";
    if (block.references > 0) ++used;
    if (block.references == 0 && block.indexed) ++cached;
    if (block.indexed) ++indexed;
    if (block.indexed &&
        (!index_.contains(block.key) || index_.at(block.key) != static_cast<std::int32_t>(i))) {
      return name + " is not where the index says";
    }
  }
  if (indexed != index_.size()) return "the index knows a block that does not know it";
  std::int64_t listed = 0;
  for (std::int32_t block = oldest_; block != -1 && listed <= cached; ++listed)
    block = blocks_[static_cast<std::size_t>(block)].newer;
  if (listed != cached_) return "the LRU list is broken";
  if (cached != cached_)
    return "the LRU list has " + std::to_string(cached_) + " blocks, not " + std::to_string(cached);
  if (used + cached + static_cast<std::int64_t>(free_list_.size()) != total_blocks())
    return "blocks do not add up";
  return audit_host_blocks();
}

std::string KvPool::audit_host_blocks() const {
  std::vector<std::uint8_t> seen(static_cast<std::size_t>(host_blocks_));
  std::int64_t listed = 0;
  const auto see = [&](std::int32_t block) {
    ++listed;
    return block >= 0 && block < host_blocks_ && !std::exchange(seen[static_cast<std::size_t>(block)], 1);
  };
  for (const std::int32_t block : free_host_blocks_) {
    if (!see(block)) return "host block " + std::to_string(block) + " is free twice";
  }
  for (const Sequence& sequence : sequences_) {
    if (sequence.swapped && !sequence.open) return "a closed slot is swapped out";
    if (sequence.swapped ? !sequence.table.empty() : !sequence.on_host.empty())
      return "a slot is in the pool and in the host tier";
    for (const HostBlock& block : sequence.on_host) {
      if (!see(block.id))
        return "host block " + std::to_string(block.id) + " is held twice, or held and free";
    }
  }
  return listed == host_blocks_ ? "" : "host blocks do not add up";
}

KvPool::Key KvPool::key_of(const std::uint8_t* digest) {
  Key key;
  std::memcpy(key.data(), digest, sizeof key);
  return key;
}

KvPool::Sequence& KvPool::at(Slot slot) {
  return const_cast<Sequence&>(std::as_const(*this).at(slot));
}

const KvPool::Sequence& KvPool::at(Slot slot) const {
  if (!is_open(slot)) throw Error("ERR_BAD_SLOT", "slot: " + std::to_string(slot) + " is not open.");
  return sequences_[static_cast<std::size_t>(slot)];
}

KvPool::Sequence& KvPool::on_device(Slot slot) {
  Sequence& sequence = at(slot);
  if (!sequence.swapped) return sequence;
  throw Error("ERR_BAD_SLOT", "slot: " + std::to_string(slot) + " is swapped out; swap it in first.");
}

std::int64_t KvPool::available() const {
  return static_cast<std::int64_t>(free_list_.size()) + cached_;
}

std::int32_t KvPool::take_block() {
  std::int32_t id;
  if (!free_list_.empty()) {
    id = free_list_.back();
    free_list_.pop_back();
  } else {
    id = oldest_;
    unlink(id);
    drop_from_index(id);
    ++counters_.evictions;
  }
  blocks_[static_cast<std::size_t>(id)].references = 1;
  return id;
}

void KvPool::acquire(std::int32_t id) {
  Block& block = blocks_[static_cast<std::size_t>(id)];
  if (block.references++ == 0) unlink(id);
}

void KvPool::release(std::int32_t id) {
  Block& block = blocks_[static_cast<std::size_t>(id)];
  if (--block.references > 0) return;
  if (block.indexed) {
    push_newest(id);
  } else {
    free_list_.push_back(id);
  }
}

void KvPool::queue(BlockOp kind, BlockCopy copy) {
  if (has_storage_) block_ops_.add(kind, copy);
}

void KvPool::push_newest(std::int32_t id) {
  Block& block = blocks_[static_cast<std::size_t>(id)];
  block.older = newest_;
  block.newer = -1;
  (newest_ == -1 ? oldest_ : blocks_[static_cast<std::size_t>(newest_)].newer) = id;
  newest_ = id;
  ++cached_;
}

void KvPool::unlink(std::int32_t id) {
  const Block& block = blocks_[static_cast<std::size_t>(id)];
  (block.newer == -1 ? newest_ : blocks_[static_cast<std::size_t>(block.newer)].older) = block.older;
  (block.older == -1 ? oldest_ : blocks_[static_cast<std::size_t>(block.older)].newer) = block.newer;
  --cached_;
}

void KvPool::add_to_index(std::int32_t id, const Key& key) {
  if (!index_.try_emplace(key, id).second) return;
  Block& block = blocks_[static_cast<std::size_t>(id)];
  block.indexed = true;
  block.key = key;
}

void KvPool::drop_from_index(std::int32_t id) {
  Block& block = blocks_[static_cast<std::size_t>(id)];
  index_.erase(block.key);
  block.indexed = false;
}

}  // namespace millrace
