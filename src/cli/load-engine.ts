import { formatBytes } from '../core/bytes.js'
import { Engine } from '../engine/engine.js'
import type { PartialEngineOptions } from '../engine/options.js'
import type { ModelDescription } from '../model/load-description.js'
import { printLine, type Io } from './io.js'
import { ProgressLine } from './progress-line.js'

export interface LoadedModel {
  readonly engine: Engine
  readonly description: ModelDescription
}

/** Loads a model and shows what takes longer than a second. @param onProgress done so far, 0 to 1 */
export async function loadEngine (
  model: string, options: PartialEngineOptions, io: Io, onProgress: (done: number) => void = () => {}
): Promise<LoadedModel> {
  const line = new ProgressLine(io.stderr)
  let description!: ModelDescription
  try {
    const engine = await Engine.load(model, options, {
      onDownload: ({ file, doneBytes, totalBytes }) => {
        line.show(`Downloading ${file}: ${formatBytes(doneBytes)} of ${formatBytes(totalBytes)} (${percent(doneBytes / totalBytes)})`)
      },
      onResolved: (_, described) => { description = described },
      onWarning: message => { printLine(io.stderr, message) },
      onProgress: done => {
        onProgress(done)
        line.show(`Loading weights: ${percent(done)} of ${formatBytes(description.weightsBytes)}`)
      }
    })
    return { engine, description }
  } finally {
    line.end()
  }
}

function percent (ratio: number): string {
  return `${Math.floor((Number.isFinite(ratio) ? ratio : 0) * 100)} %`
}
