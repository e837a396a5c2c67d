import { MillraceError } from '../../core/errors.js'

/** A trace that cannot be read; names the place and the field. */
export class TraceError extends MillraceError {
  /** Counted from 1; of JSON arrays, the element. */
  readonly line: number

  constructor (line: number, field: string | undefined, problem: string) {
    super('ERR_TRACE', 400, `Line ${line} of the trace: ${field === undefined ? '' : `${field} `}${problem}`, field)
    this.line = line
  }
}
