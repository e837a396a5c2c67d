// The models that are measured, and what a token of them costs.

interface Shape {
  readonly vocabSize: number
  readonly tokenizerSize: number
  readonly hidden: number
  readonly feedForward: number
  readonly layers: number
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  readonly tied: boolean
}
interface Weight { readonly name: string, readonly rows: number, readonly cols: number, readonly norm: boolean }
interface StoredType { readonly blockValues: number, readonly blockBytes: number }

const part = (name: string): Promise<unknown> => import(new URL(`../checkpoint/${name}.mjs`, import.meta.url).href)
const { shapes, weightsOf } = await part('shapes') as
  { shapes: Record<string, Shape>, weightsOf: (shape: Shape) => Weight[] }
const { formats: storedFormats } = await part('formats') as
  { formats: Record<string, { typeOf: (weight: Weight, shape: Shape) => StoredType }> }

export const modelNames = Object.keys(shapes)

export interface ModelCosts {
  /** Of the layers' matrices: what every prompt token is multiplied with. */
  readonly layerParams: number
  /** Those and the matrix of the logits: what every sampled token is multiplied with. */
  readonly params: number
  /** Floating-point operations of attention for one token that looks at one token. */
  readonly attentionFlops: number
  /** Numbers in the KV cache for one token. */
  readonly kvValues: number
}

export function costsOf (model: string): ModelCosts {
  const shape = shapeOf(model)
  const read = readWeights(shape)
  const count = (weights: readonly Weight[]) => weights.reduce((sum, { rows, cols }) => sum + rows * cols, 0)
  return {
    layerParams: count(read.filter(({ name }) => name.startsWith('model.layers.'))),
    params: count(read),
    // A multiply and an add for each of the two products, scores and values.
    attentionFlops: 4 * shape.layers * shape.heads * shape.headDim,
    kvValues: 2 * shape.layers * shape.kvHeads * shape.headDim
  }
}

/** What each product is for, by the engine's name for it: rows and columns of its weight. */
export function productNames (model: string): ReadonlyMap<string, string> {
  const { vocabSize, hidden, feedForward, heads, kvHeads, headDim } = shapeOf(model)
  const products = [
    ['q, k, v', (heads + 2 * kvHeads) * headDim, hidden],
    ['attention out', hidden, heads * headDim],
    ['gate, up', 2 * feedForward, hidden],
    ['down', hidden, feedForward],
    ['logits', vocabSize, hidden]
  ] as const
  return new Map(products.map(([name, rows, cols]) => [`matmul ${rows}x${cols}`, `${name} (${rows}x${cols})`]))
}

/** Ids from 0 on that are tokens. */
export function vocabularyOf (model: string): number {
  return shapeOf(model).tokenizerSize
}

/** Bytes of weights that a decode step reads once: of a stored format, or of so many bits a weight. */
export function weightBytes (model: string, stored: string | { readonly bitsPerWeight: number }): number {
  const shape = shapeOf(model)
  return readWeights(shape).reduce((sum, weight) => {
    const { blockValues, blockBytes } = typeof stored === 'string'
      ? storedFormats[stored]!.typeOf(weight, shape)
      : { blockValues: 8, blockBytes: stored.bitsPerWeight }
    return sum + weight.rows * weight.cols / blockValues * blockBytes
  }, 0)
}

/** The matrices that a step reads whole. Of an embedding that is not tied only a few rows are read. */
function readWeights (shape: Shape): Weight[] {
  return weightsOf(shape).filter(({ name, norm }) => !norm && (shape.tied || !name.includes('embed_tokens')))
}

function shapeOf (model: string): Shape {
  const shape = shapes[model]
  if (shape === undefined) throw new RangeError(`no model is called ${model}; there are ${modelNames.join(', ')}`)
  return shape
}
