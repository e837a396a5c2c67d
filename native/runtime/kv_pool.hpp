#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "runtime/block_ops.hpp"

namespace millrace {

using Slot = std::int32_t;
using Digest = std::array<std::uint8_t, 32>;

struct KvStats {
  std::int64_t total_blocks = 0, free_blocks = 0, used_blocks = 0, cached_blocks = 0;
  std::int64_t evictions = 0, copies = 0, hit_tokens = 0, query_tokens = 0;
  std::int64_t host_blocks = 0, host_free_blocks = 0;
  std::int64_t swapped_out_tokens = 0, swapped_in_tokens = 0;
};

// h_0 of the prefix-key chain: SHA-256 of the parts joined by byte 0x1F.
Digest prefix_root(std::span<const std::string> parts);
// h_i = SHA-256(h_{i-1} || tokens of block i as u32 little endian).
Digest prefix_key(const Digest& previous, std::span<const std::int32_t> block_token_ids);

// The allocator of KV blocks: reference counts, copy-on-write forks, a prefix index, LRU. It knows block
// ids only, so the same object serves a model, a simulation and a test. One thread uses it. At every
// moment free + used + cached == total, where
//   free    no content worth keeping
//   used    in at least one slot's table
//   cached  in no table, but in the prefix index; evicted least recently used first. A slot lets go of its
//           last block first, so a chain is evicted from its end. (Not one whose blocks come from two slots
//           that computed the same prompt at once: what cannot be reached then is evicted in its turn.)
//
// A block freed while a step that uses it is queued may be handed out at once: steps run in the order
// they were queued, and whoever gets the block writes to it in a later step (docs/kv-cache.md).
//
// A slot can be swapped out: its content then is in blocks of the host tier, each of one slot alone.
class KvPool {
 public:
  // Throws ERR_INVALID_PARAMETER unless total_blocks and block_tokens are at least 1.
  KvPool(std::int64_t total_blocks, int block_tokens, std::int64_t host_blocks = 0);

  [[nodiscard]] int block_tokens() const { return block_tokens_; }
  [[nodiscard]] std::int64_t total_blocks() const { return static_cast<std::int64_t>(blocks_.size()); }
  [[nodiscard]] std::int64_t host_blocks() const { return host_blocks_; }

  Slot open();
  // All functions that take a slot throw ERR_BAD_SLOT for one that is not open; grow, fork, attach, publish
  // and swap_out also for one that is swapped out.
  void close(Slot slot);
  // Blocks for tokens [0, tokens), all or none. A block that is about to be written and that others
  // see (shared by a fork, or in the index) is exchanged for a new one, and its copy is queued. False
  // when the pool has too few blocks; nothing has changed then.
  bool grow(Slot slot, std::int64_t tokens);
  void free(Slot slot);
  // Queues copies of all the slot's blocks to the host tier and lets go of the blocks: those of the index
  // stay there as cached, for as long as they are not evicted. False when the host tier has too few blocks;
  // nothing has changed then.
  bool swap_out(Slot slot);
  // The slot as it was: a block that is still in the index is shared again, the others are new and their
  // content comes back before the next step. Those that had been in the index are there again. False when the
  // pool has too few blocks; nothing has changed then.
  bool swap_in(Slot slot);
  [[nodiscard]] bool is_swapped(Slot slot) const { return at(slot).swapped; }
  Slot fork(Slot parent, std::int64_t tokens);

  // Tokens of the longest run of keys (32 bytes each) that is cached, less than num_tokens.
  [[nodiscard]] std::int64_t lookup(std::span<const std::uint8_t> keys, std::int64_t num_tokens) const;
  // The same, and shares those blocks with the slot, which must be empty.
  std::int64_t attach(Slot slot, std::span<const std::uint8_t> keys, std::int64_t num_tokens);
  // Puts the slot's full blocks among its first token_ids.size() tokens into the index.
  void publish(Slot slot, const Digest& root, std::span<const std::int32_t> token_ids);
  void clear_cache();

  [[nodiscard]] std::span<const std::int32_t> table(Slot slot) const { return at(slot).table; }
  // Tokens that the slot has blocks for that it may write.
  [[nodiscard]] std::int64_t grown_tokens(Slot slot) const { return at(slot).tokens; }
  [[nodiscard]] bool is_open(Slot slot) const;
  // Tokens of the slot whose KV is in its blocks, or will be once the queued steps have run.
  [[nodiscard]] std::int64_t written_tokens(Slot slot) const { return at(slot).written; }
  void set_written_tokens(Slot slot, std::int64_t tokens) { at(slot).written = tokens; }
  // Whether the slot's KV from that token on may be replaced: it is written, and nobody else sees it.
  [[nodiscard]] bool may_write_again(Slot slot, std::int64_t from) const;
  // There is nothing to copy: operations are not kept.
  void detach_from_storage() { has_storage_ = false; }
  // Hands over the operations queued since the last call; they run before the next step.
  BlockOps take_block_ops();
  [[nodiscard]] KvStats stats() const;
  // Recounts everything from scratch; an empty string when the invariants hold, else what is wrong.
  [[nodiscard]] std::string audit() const;

 private:
  using Key = std::array<std::uint64_t, 2>;  // the first 16 bytes of a digest
  struct KeyHash {
    std::size_t operator()(const Key& key) const { return static_cast<std::size_t>(key[0]); }
  };
  struct Block {
    std::int32_t references = 0;
    bool indexed = false;
    Key key{};
    // Neighbours in the LRU list of cached blocks, -1 at the ends. Only for cached blocks.
    std::int32_t newer = -1, older = -1;
  };
  struct HostBlock {
    std::int32_t id;
    // Of the block that it is a copy of.
    bool indexed;
    Key key;
  };
  struct Sequence {
    bool open = false;
    bool swapped = false;
    std::vector<std::int32_t> table;  // empty while swapped
    std::vector<HostBlock> on_host;   // its blocks while swapped
    std::int64_t tokens = 0;          // grown to
    std::int64_t written = 0;         // of those, with KV or queued
    std::int64_t published = 0;       // blocks whose key is known
    Digest chain{};                   // h of the last of them
  };

  static Key key_of(const std::uint8_t* digest);
  [[nodiscard]] Sequence& at(Slot slot);
  [[nodiscard]] const Sequence& at(Slot slot) const;
  [[nodiscard]] Sequence& on_device(Slot slot);
  [[nodiscard]] std::string audit_host_blocks() const;
  [[nodiscard]] std::int64_t available() const;
  [[nodiscard]] std::int64_t matched_blocks(std::span<const std::uint8_t> keys,
                                            std::int64_t num_tokens) const;
  std::int32_t take_block();
  void acquire(std::int32_t block);
  void release(std::int32_t block);
  void push_newest(std::int32_t block);
  void unlink(std::int32_t block);
  void queue(BlockOp kind, BlockCopy copy);
  void release_host_blocks(Sequence& sequence);
  // Nothing when a block with that key is there.
  void add_to_index(std::int32_t block, const Key& key);
  void drop_from_index(std::int32_t block);

  int block_tokens_;
  std::vector<Block> blocks_;
  std::vector<std::int32_t> free_list_;
  std::int64_t host_blocks_;
  std::vector<std::int32_t> free_host_blocks_;
  std::vector<Sequence> sequences_;
  std::vector<Slot> free_slots_;
  std::unordered_map<Key, std::int32_t, KeyHash> index_;
  bool has_storage_ = true;
  BlockOps block_ops_;
  std::int32_t newest_ = -1, oldest_ = -1;
  std::int64_t cached_ = 0;
  KvStats counters_;
};

}  // namespace millrace
