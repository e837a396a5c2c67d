import type { ModelDescription } from '../model/load-description.js'

export interface DtypeSummary {
  /** As the file names it. */
  readonly dtype: string
  readonly tensors: number
  readonly parameters: number
  readonly bytes: number
}

/** Tensors by number format, the largest share first. */
export function dtypesOf ({ files }: Pick<ModelDescription, 'files'>): DtypeSummary[] {
  const byDtype = new Map<string, DtypeSummary>()
  for (const { dtype, shape, bytes } of files.tensors) {
    const sum = byDtype.get(dtype) ?? { dtype, tensors: 0, parameters: 0, bytes: 0 }
    byDtype.set(dtype, {
      dtype,
      tensors: sum.tensors + 1,
      parameters: sum.parameters + shape.reduce((product, size) => product * size, 1),
      bytes: sum.bytes + bytes
    })
  }
  return [...byDtype.values()].sort((a, b) => b.bytes - a.bytes)
}

export function parametersOf (description: Pick<ModelDescription, 'files'>): number {
  return dtypesOf(description).reduce((sum, { parameters }) => sum + parameters, 0)
}

/** For people: 12.3 M, 1.24 B. */
export function formatCount (count: number): string {
  if (count >= 1e9) return `${(count / 1e9).toFixed(2)} B`
  if (count >= 1e6) return `${(count / 1e6).toFixed(1)} M`
  return count >= 1e4 ? `${(count / 1e3).toFixed(0)} k` : String(count)
}
