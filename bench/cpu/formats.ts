import type { PartialEngineOptions } from '../../src/engine/options.js'

/** One way to hold the weights, ours and the peers' that is set beside it. The random weights are the same in all. */
export interface BenchFormat {
  readonly name: string
  readonly checkpoint: { readonly format: 'safetensors' | 'gguf', readonly dtype: string }
  /** For `Engine.load`, beside what a run sets. */
  readonly engine: Readonly<Record<string, unknown>> & PartialEngineOptions
  /** The same on the command line of `serve`. */
  readonly serveFlags: readonly string[]
  /** The GGUF that other engines get. */
  readonly peerDtype: string
  /** What a decode step reads: as the stored format says, or in bits a weight. */
  readonly stored: string | { readonly bitsPerWeight: number }
  readonly peerStored: string
  /** Whether weights can be multiplied as integers: which ceiling binds. */
  readonly arithmetic: 'float' | 'int8'
}

const gguf = (dtype: string): BenchFormat => ({
  name: dtype,
  checkpoint: { format: 'gguf', dtype },
  engine: {},
  serveFlags: [],
  peerDtype: dtype,
  stored: dtype,
  peerStored: dtype,
  arithmetic: 'int8'
})

/** BF16 weights, quantised when they are loaded. */
const quantized = (name: 'int8' | 'int4', peerDtype: string, bitsPerWeight: number): BenchFormat => ({
  name,
  checkpoint: { format: 'safetensors', dtype: 'bf16' },
  engine: { quantize: name },
  serveFlags: ['--quantize', name],
  peerDtype,
  stored: { bitsPerWeight },
  peerStored: peerDtype,
  arithmetic: 'int8'
})

export const benchFormats: readonly BenchFormat[] = [
  {
    name: 'bf16',
    checkpoint: { format: 'safetensors', dtype: 'bf16' },
    engine: {},
    serveFlags: [],
    peerDtype: 'bf16',
    stored: 'bf16',
    peerStored: 'bf16',
    arithmetic: 'float'
  },
  gguf('q8_0'),
  gguf('q4_0'),
  gguf('q4_0-pure'),
  gguf('q4_k_m'),
  quantized('int8', 'q8_0', 8),
  // Groups of 64 with a scale of 16 bits.
  quantized('int4', 'q4_0', 4.25)
]
