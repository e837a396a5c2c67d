/* The table of functions through which the addon drives cards: plain C, so that a plugin can be built by
 * another compiler, at another time. A plugin exports millrace_device_plugin(), which returns the table.
 *
 * Every function returns 0, or another number with `error` filled in. None lets an exception out. One thread
 * drives a device at a time. Structs say what those of runtime/device.hpp say. Raise the number with every
 * change of this page, and of DType, Activation, RopeForm or Quantization::Kind, whose numbers are used. */
#pragma once
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MILLRACE_DEVICE_ABI 3

typedef struct MillraceDevice MillraceDevice;
typedef struct MillraceWeight MillraceWeight;
typedef struct MillraceGroup MillraceGroup;

typedef struct MillraceError {
  char code[48]; /* of docs/errors.md */
  char message[1024];
} MillraceError;

typedef struct MillraceCard {
  char name[256];
  int32_t major, minor; /* compute capability */
  int32_t multiprocessors;
  int32_t driver_version; /* 12040 = 12.4 */
  int64_t total_bytes, free_bytes;
  char products[256]; /* what multiplies many rows, for people */
} MillraceCard;

typedef struct MillraceOpenOptions {
  int32_t card;
  int32_t activations; /* DType: F32, F16 or BF16 */
  int32_t threads;     /* of the host, for weights */
} MillraceOpenOptions;

typedef struct MillraceGroupOptions {
  const char* nccl;    /* the library or its folder; empty: as the system finds it */
  int32_t patience_ms; /* for a member to come to a sum, and for a sum to end */
} MillraceGroupOptions;

typedef struct MillraceWorkLimits {
  int32_t max_rows, max_tokens, max_logit_rows, num_heads, num_kv_heads, head_dim, vocab_size, max_logprobs;
} MillraceWorkLimits;

typedef struct MillraceWeightView {
  const void* data; /* of the host */
  int32_t dtype;
  int64_t rows, cols, row_bytes;
} MillraceWeightView;

typedef struct MillraceQuantization {
  int32_t kind;
  int32_t group;
} MillraceQuantization;

typedef struct MillraceTensor {
  void* data;
  int32_t rows, cols;
  int64_t stride;
} MillraceTensor;

typedef struct MillraceBatch {
  int32_t num_rows, num_tokens, max_blocks, block_tokens, max_query_tokens, max_context_tokens;
  const int32_t *token_ids, *positions, *token_rows, *query_starts, *context_lens, *block_tables;
} MillraceBatch;

typedef struct MillraceKvLayer {
  void *keys, *values;
  int32_t dtype, num_blocks, num_kv_heads, block_tokens, head_dim;
} MillraceKvLayer;

typedef struct MillraceNorm {
  MillraceTensor x;
  const MillraceTensor* delta; /* or null */
  const MillraceWeight* weight;
  float epsilon;
  MillraceTensor out;
} MillraceNorm;

typedef struct MillraceMatmul {
  MillraceTensor x;
  const MillraceWeight* weight;
  const MillraceWeight* bias; /* or null */
  MillraceTensor y;
  int32_t activation; /* -1: none */
  int32_t y_is_f32;
} MillraceMatmul;

typedef struct MillraceRopeStore {
  MillraceTensor qkv;
  int32_t num_heads;
  const MillraceWeight *q_norm, *k_norm; /* or null */
  float norm_epsilon;
  int32_t form;
  const float* inverse_frequencies;
  int32_t rotary_dim;
  float magnitude;
  MillraceKvLayer kv;
} MillraceRopeStore;

typedef struct MillraceAttention {
  MillraceTensor q;
  MillraceKvLayer kv;
  int32_t num_heads;
  float scale;
  int32_t sliding_window;
  MillraceTensor out;
} MillraceAttention;

typedef struct MillraceBlockCopy {
  int32_t from, to;
} MillraceBlockCopy;

typedef struct MillraceHostLayer {
  void* data;
  int64_t stride;
} MillraceHostLayer;

/* TokenCounts::Entry */
typedef struct MillraceTokenCount {
  int32_t token, in_output;
  uint8_t in_prompt;
} MillraceTokenCount;

/* SampleRow with its params; pointers are into memory of the host, read before the call returns. */
typedef struct MillraceSampleRow {
  float inverse_temperature; /* 0: greedy */
  int32_t top_k;
  float top_p, min_p;
  double min_p_depth; /* log(min_p) / inverse_temperature */
  float repetition_penalty, frequency_penalty, presence_penalty;
  uint64_t seed;
  int64_t position;
  const MillraceTokenCount* counts;
  const int32_t* bias_ids;
  const float* biases;
  const int32_t* banned;
  const int32_t* mask; /* ceil(vocab / 32) words, or null */
  int32_t num_counts, num_biases, num_banned, top_logprobs, want_logprobs;
} MillraceSampleRow;

/* Written when the device is synchronized. */
typedef struct MillraceSampleResult {
  int32_t status;
  int32_t token;
  float logprob;
  int32_t* top_ids; /* (top_logprobs,) of the host */
  float* top_logprobs;
} MillraceSampleResult;

typedef struct MillraceLogProbs {
  MillraceTensor logits;
  const int32_t* targets; /* of the host, as all here but the logits */
  int32_t top;
  float* logprobs; /* these are written when the device is synchronized */
  int32_t* top_ids;
  float* top_logprobs;
  int32_t top_stride;
} MillraceLogProbs;

enum MillraceRepeat {
  MILLRACE_REPEATED = 0, /* done */
  MILLRACE_RECORD = 1,   /* queue the work, then call end_repeat */
  MILLRACE_NO_REPEAT = 2 /* queue the work */
};

typedef struct MillraceDeviceTable {
  uint32_t abi;
  uint32_t table_bytes;

  /* With no card, `count` is 0 and `error` has the reason; the result is 0 all the same. */
  int32_t (*count_cards)(int32_t* count, MillraceError* error);
  /* Says why a card cannot be used too; what is known of it is filled in then, its name at least. */
  int32_t (*describe_card)(int32_t card, MillraceCard* out, MillraceError* error);

  int32_t (*open)(const MillraceOpenOptions* options, MillraceDevice** device, MillraceError* error);
  void (*close)(MillraceDevice* device); /* waits for its work; its memory and weights must be gone */
  int32_t (*prepare)(MillraceDevice*, const MillraceWorkLimits*, int64_t* bytes, MillraceError*);

  int32_t (*allocate)(MillraceDevice*, int64_t bytes, void** memory, MillraceError*); /* zeroed */
  void (*release)(MillraceDevice*, void* memory);
  int32_t (*allocate_host)(MillraceDevice*, int64_t bytes, void** memory, MillraceError*);
  void (*release_host)(MillraceDevice*, void* memory);
  int32_t (*upload)(MillraceDevice*, const MillraceWeightView* views, int32_t count, MillraceQuantization,
                    MillraceWeight** weight, int64_t* device_bytes, MillraceError*);
  void (*release_weight)(MillraceDevice*, MillraceWeight* weight);

  int32_t (*copy_to_device)(MillraceDevice*, void* to, const void* from, int64_t bytes, MillraceError*);
  int32_t (*copy_to_host)(MillraceDevice*, void* to, const void* from, int64_t bytes, MillraceError*);
  int32_t (*copy_from)(MillraceDevice*, MillraceDevice* source, void* to, const void* from, int64_t bytes,
                       MillraceError*);

  int32_t (*embed)(MillraceDevice*, const MillraceBatch*, const MillraceWeight* table, MillraceTensor out,
                   MillraceError*);
  int32_t (*norm)(MillraceDevice*, const MillraceNorm*, MillraceError*);
  int32_t (*matmul)(MillraceDevice*, const MillraceMatmul*, MillraceError*);
  int32_t (*rope_store)(MillraceDevice*, const MillraceBatch*, const MillraceRopeStore*, MillraceError*);
  int32_t (*attention)(MillraceDevice*, const MillraceBatch*, const MillraceAttention*, MillraceError*);
  int32_t (*gather_rows)(MillraceDevice*, MillraceTensor x, const int32_t* indices, MillraceTensor out,
                         MillraceError*);
  int32_t (*add)(MillraceDevice*, MillraceTensor x, MillraceTensor delta, MillraceError*);
  int32_t (*copy_blocks)(MillraceDevice*, const MillraceKvLayer*, const MillraceBlockCopy*, int32_t count,
                         MillraceError*);
  int32_t (*copy_out)(MillraceDevice*, const MillraceKvLayer*, MillraceHostLayer, const MillraceBlockCopy*,
                      int32_t count, MillraceError*);
  int32_t (*copy_in)(MillraceDevice*, const MillraceKvLayer*, MillraceHostLayer, const MillraceBlockCopy*,
                     int32_t count, MillraceError*);
  int32_t (*sample)(MillraceDevice*, MillraceTensor logits, const MillraceSampleRow* rows,
                    MillraceSampleResult* results, MillraceError*); /* logits.rows of both */
  int32_t (*log_probs)(MillraceDevice*, const MillraceLogProbs*, MillraceError*);

  /* *how gets a MillraceRepeat. After MILLRACE_RECORD only operations may follow, then end_repeat: with
   * `failed`, or when it fails, what was recorded is dropped, and nothing of it done. */
  int32_t (*begin_repeat)(MillraceDevice*, uint64_t key, int32_t* how, MillraceError*);
  int32_t (*end_repeat)(MillraceDevice*, int32_t failed, MillraceError*);
  int32_t (*synchronize)(MillraceDevice*, MillraceError*);

  /* Devices on cards of their own that sum among themselves, without the host. Where they cannot, *group is
   * null and `error` has the reason; the result is 0 all the same. */
  int32_t (*open_group)(MillraceDevice* const* members, int32_t count, const MillraceGroupOptions* options,
                        MillraceGroup** group, MillraceError* error);
  void (*close_group)(MillraceGroup* group); /* waits for its work; the members are still open */
  void (*name_group)(MillraceGroup* group, char* name, int32_t bytes);
  /* Queues the sum into `mine`; each member by a thread of its own. */
  int32_t (*all_reduce)(MillraceGroup* group, int32_t member, MillraceTensor mine, MillraceError* error);
} MillraceDeviceTable;

/* What a plugin exports. */
#define MILLRACE_DEVICE_PLUGIN "millrace_device_plugin"
typedef const MillraceDeviceTable* (*MillraceDevicePlugin)(void);
const MillraceDeviceTable* millrace_device_plugin(void);

#ifdef __cplusplus
}
#endif
