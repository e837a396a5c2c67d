// The whole surface of the native addon, on one page. C++ exports these names and no others
// (test/native/binding.test.ts compares the two); `addon.ts` is the only place that loads it.

export { RowOutput, RowStatus } from '../core/step.js'
export { StepInput, StepOutput, StepTime } from '../core/step-arrays.js'

declare const slotBrand: unique symbol

/** One sequence's place in a KV pool. Ids are reused after `close`. */
export type Slot = number & { readonly [slotBrand]: 'Slot' }

/** Sampling of one sequence, fixed when its slot opens. Defaults are those of no effect. */
export interface SlotParams {
  /** 0 = greedy. */
  temperature: number
  /** 0 = all. */
  topK: number
  topP: number
  minP: number
  repetitionPenalty: number
  frequencyPenalty: number
  presencePenalty: number
  /** Counter-based: the draw for position p depends on (seed, p) alone. */
  seed: bigint
  /** Token ids that end the sequence. */
  stopTokenIds: Int32Array
  /** Stop ids are not sampled before this many tokens. */
  minTokens: number
  /** The sequence ends after this many sampled tokens. */
  maxTokens: number
  /** How many most likely tokens `logprobs` and `promptLogprobs` rows report: 0 to maxLogprobs. */
  topLogprobs: number
  /** Added to the logits: ids and their biases, of one length. */
  biasIds: Int32Array
  biases: Float32Array
}

/** Sums of a pool: free + used + cached === total at every moment. */
export interface KvStats {
  readonly totalBlocks: number
  readonly freeBlocks: number
  /** Held by at least one slot. */
  readonly usedBlocks: number
  /** Held by no slot, but in the prefix index: taken back when needed, least recently used first. */
  readonly cachedBlocks: number
  readonly evictions: number
  readonly copies: number
  readonly hitTokens: number
  readonly queryTokens: number
  /** Of the host tier: those that are not free hold swapped-out slots. */
  readonly hostBlocks: number
  readonly hostFreeBlocks: number
  /** Tokens of the slots that were swapped out and in, in whole blocks or not, as they were grown. */
  readonly swappedOutTokens: number
  readonly swappedInTokens: number
}

/**
 * The block allocator: fixed blocks of `blockTokens` tokens, reference counts, copy-on-write forks,
 * a prefix index and LRU. A model owns one with storage; `createKvPool` makes one that only counts,
 * for simulation and tests. All calls are synchronous and belong to the JavaScript thread.
 */
export interface NativeKvPool {
  readonly blockTokens: number
  readonly totalBlocks: number
  /** Blocks of the host tier, for slots that are swapped out; 0 = there is none. */
  readonly hostBlocks: number
  /** A new, empty sequence. */
  open (): Slot
  /** Frees its blocks and the slot. Steps in flight keep what they use. */
  close (slot: Slot): void
  /**
   * Blocks for tokens [0, tokens) of the slot, all or none; shared blocks that would be written are
   * copied before the next step. False when the pool has too few.
   */
  grow (slot: Slot, tokens: number): boolean
  /** Frees its blocks, wherever they are, and keeps the slot: preemption by recompute. */
  free (slot: Slot): void
  /**
   * Copies all the slot's blocks to the host tier, after the steps that are queued and before the next, and
   * gives the blocks back at once; published ones stay cached. False, with nothing changed, when the host
   * tier has too few. Until `swapIn`, the slot takes part in no step, and `grow`, `fork`, `attach` and
   * `publish` throw.
   */
  swapOut (slot: Slot): boolean
  /**
   * The slot as it was, before the next step: blocks that are still cached are shared again, the rest takes
   * new ones. False, with nothing changed, when the pool has too few.
   */
  swapIn (slot: Slot): boolean
  isSwapped (slot: Slot): boolean
  /**
   * A new slot that shares the parent's first `tokens` tokens. Rows of the parent that are queued must
   * run: while they have not, closing its sampling (`closeSlot`) would leave a hole in the child's KV.
   */
  fork (parent: Slot, tokens: number): Slot
  /** Tokens of the longest cached prefix; a multiple of `blockTokens`, less than `numTokens`. */
  lookup (keys: Uint8Array, numTokens: number): number
  /** Shares the longest cached prefix with an empty slot; returns its tokens, as `lookup`. */
  attach (slot: Slot, keys: Uint8Array, numTokens: number): number
  /**
   * Puts the slot's full blocks among its first `tokenIds.length` tokens into the prefix index.
   * Call it when those tokens' KV is computed and known to be right. `root` is from `prefixRoot`.
   */
  publish (slot: Slot, root: Uint8Array, tokenIds: Int32Array): void
  /** Blocks that the slot holds on the device. */
  blocksOf (slot: Slot): number
  /** Drops every cached block that no slot holds. */
  clearCache (): void
  stats (): KvStats
}

export interface MemoryUse {
  readonly weightsBytes: number
  readonly kvBytes: number
  /** For swapped-out sequences. Taken from the system when it is first used. */
  readonly kvHostBytes: number
  readonly workspaceBytes: number
}

export interface NativeModel {
  readonly kv: NativeKvPool
  readonly memory: MemoryUse
  /** How cards that split layers sum, for people; empty when none do. */
  readonly exchange: string
  /** SHA-256 of the weights' names, shapes, sizes and sampled content, in hex. */
  readonly fingerprint: string
  readonly maxRows: number
  readonly maxTokens: number
  readonly maxLogprobs: number
  /**
   * Opens sampling for a slot of `kv`. `promptIds` count for the repetition penalty; `outputIds` are
   * what the sequence had sampled before: empty unless it is restored or forked. Sampling state is a
   * function of these alone.
   */
  openSlot (slot: Slot, params: SlotParams, promptIds: Int32Array, outputIds: Int32Array): void
  /** Ends sampling for a slot; rows of it that are queued come back as `skipped`. */
  closeSlot (slot: Slot): void
  /** Bit k & 31 of word k >> 5 allows token k: (ceil(vocabSize / 32),). For one `awaitMask` row. */
  setMask (slot: Slot, mask: Int32Array): void
  /**
   * Queues one step and returns; at most two may be unsettled. `input` and `output` are the buffers of a
   * `StepInput` and a `StepOutput` of this model's limits. Throws when the step cannot be queued, and
   * nothing has changed then. `done` is called once for each step, in their order, later: with an error only
   * when the whole step failed or was dropped (ERR_NATIVE_STEP, ERR_MODEL_DISPOSED); a row's own error is in
   * its status. After a failed step, rows of its slots that are queued come back as `skipped`.
   */
  step (numRows: number, input: ArrayBuffer, output: ArrayBuffer, done: (error?: Error) => void): void
  /**
   * What rows with `hidden` asked for, one after the other: (such rows, hiddenSize). Of the step whose `done` is
   * running, and empty where no row asked; zeros for a row that was skipped.
   */
  hiddenStates (): Float32Array
  /** Time by kind of operation since the last call; empty unless loaded with `stageTimes`. */
  stageTimes (): StageTime[]
  /** Idempotent; waits for the running step, fails the queued one. */
  dispose (): Promise<void>
}

export interface TensorInfo {
  readonly name: string
  /** As the file names it: 'BF16', 'Q8_0', ... */
  readonly dtype: string
  /** Outermost dimension first. */
  readonly shape: readonly number[]
  readonly bytes: number
  readonly file: string
}

/** What a model's files say of themselves. */
export interface ModelFilesInfo {
  readonly format: 'safetensors' | 'gguf'
  readonly files: ReadonlyArray<{ readonly path: string; readonly bytes: number }>
  readonly tensors: readonly TensorInfo[]
  /** GGUF key-values (64-bit integers as numbers when safe, else bigint; Infinity above 2^63 - 1); none for safetensors. */
  readonly metadata: Readonly<Record<string, MetadataValue>>
}

export type MetadataValue =
  | string | number | bigint | boolean
  | readonly string[] | Int32Array | Float32Array | ReadonlyArray<MetadataValue>

export interface DeviceInfo {
  /** 'cpu:0', 'cuda:0', ...; 'cuda' alone when there is no card, with the reason. */
  readonly name: string
  readonly description: string
  /** 0 for a card. */
  readonly threads: number
  readonly memoryBytes: number
  /** Of a card, now. */
  readonly freeBytes: number | undefined
  /** Of a card, such as '8.6'; else empty. */
  readonly computeCapability: string
  /** CUDA version of a card's driver, such as '12.4'; else empty. */
  readonly driver: string
  /** What computes a card's products of many rows: 'cuBLASLt 12.8.5', or own kernels and why; else empty. */
  readonly products: string
  readonly usable: boolean
  /** Why it is not usable; empty when it is. */
  readonly reason: string
}

export interface StageTime {
  /** 'attention', ..., or 'matmul 4096x1024': rows and columns of the weight */
  readonly name: string
  readonly calls: number
  readonly ms: number
  /** Of products, all calls together, else 0: bytes of the weights as the device keeps them. */
  readonly weightBytes: number
  /** Of products, all calls together, else 0: multiplications and additions. */
  readonly ops: number
}

export interface LoadOptions {
  /** A folder of safetensors, or a GGUF file. */
  path: string
  /** `ModelSpec` as JSON. */
  spec: string
  /** Layers [start, end) of each stage, in order, with its ranks' devices. */
  deviceMap: ReadonlyArray<{ start: number; end: number; devices: readonly string[] }>
  /** For matrices in a float type: int8 with a scale per row, or int4 with a scale per `quantizeGroup` columns. */
  quantize: 'none' | 'int8' | 'int4'
  quantizeGroup: 32 | 64 | 128
  /** What cards compute in; a CPU computes in F32. */
  activationDtype: 'f32' | 'f16' | 'bf16'
  /** On a card that computes in 16 bits, the same. */
  kvDtype: 'f32' | 'f16' | 'bf16'
  kvBlocks: number
  /** Blocks of the host tier, for sequences that are swapped out; 0 = none. */
  kvHostBlocks: number
  blockTokens: number
  maxRows: number
  maxTokens: number
  maxLogprobs: number
  /** Longest sequence, in tokens. */
  maxSequenceTokens: number
  /** The same bits for a row alone and in any batch, also where the fastest kernels would differ. */
  deterministic: boolean
  /** How cards that split layers sum: 'auto', 'off', or the path of NCCL or its folder. */
  nccl?: string
  /** Take the KV cache's memory from the system at the start, not at first use. */
  preallocateKv: boolean
  /** Note how long each kind of operation takes; `NativeModel.stageTimes`. Costs well under 1 us an operation. */
  stageTimes?: boolean
  /** 'scalar' is the oracle; 'auto' takes the best that the CPU has. */
  kernels: 'auto' | 'scalar' | 'avx2' | 'avx512' | 'avx512-vnni' | 'avx512-bf16' | 'amx'
}

export interface Addon {
  /** Raised with every incompatible change of this page. */
  readonly abi: number
  /** Instruction sets that the kernels can use here, such as 'avx512'. */
  cpuFeatures (): readonly string[]
  devices (): readonly DeviceInfo[]
  /** Threads of the process's compute pools, all devices together, each on a processor of its own if `pinned`; before the first load. */
  setThreads (threads: number, pinned?: boolean): void
  readModelFiles (path: string): Promise<ModelFilesInfo>
  /** One tensor of those files, converted to F32, row-major. */
  readTensor (path: string, name: string): Promise<Float32Array>
  /** `onProgress(done)` with done from 0 to 1. */
  loadModel (options: LoadOptions, onProgress: (done: number) => void): Promise<NativeModel>
  createKvPool (totalBlocks: number, blockTokens: number, hostBlocks?: number): NativeKvPool
  /** h_0 of the prefix-key chain: SHA-256 of the parts joined by byte 0x1F (docs/kv-cache.md). */
  prefixRoot (parts: readonly string[]): Uint8Array
  /** h_1, h_2, ... of the full blocks of `tokenIds`, 32 bytes each. About 0.2 us a block. */
  prefixKeys (root: Uint8Array, tokenIds: Int32Array, blockTokens: number): Uint8Array
}
