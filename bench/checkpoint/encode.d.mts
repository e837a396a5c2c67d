/** Values and bytes of a block, and the type's GGML number. */
export interface StoredType {
  readonly blockValues: number
  readonly blockBytes: number
  readonly ggmlType: number
  encode (values: Float32Array): Uint8Array
}

export const types: Record<'f32' | 'f16' | 'bf16' | 'q4_0' | 'q8_0' | 'q4_k' | 'q6_k', StoredType>
