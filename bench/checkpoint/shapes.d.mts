/** What a checkpoint is made from; shapes.mjs says more. */
export interface Shape {
  readonly architecture: string
  readonly vocabSize: number
  readonly tokenizerSize: number
  readonly epsilon: number
  readonly ropeTheta: number
  readonly contextTokens: number
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  readonly tied: boolean
  readonly hidden: number
  readonly layers: number
  readonly feedForward: number
}

/** A weight under both of its names. */
export interface Weight {
  readonly name: string
  readonly ggufName: string
  readonly rows: number
  readonly cols: number
  readonly norm: boolean
  readonly permutedHeads: number
}

export const shapes: Record<string, Shape>
export function weightsOf (shape: Shape): Weight[]
export function configOf (shape: Shape, torchDtype: string, ids: { bosId: number, eosIds: number[] }): object
