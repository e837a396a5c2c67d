import { MillraceError } from '../../core/errors.js'

/** A trace that cannot be read; names the place and the field. */
export class TraceError extends MillraceError {
  /** Counted from 1; of JSON arrays, the element. */
  readonly line: number
  /** The message without the line. */
  readonly problem: string

  constructor (line: number, field: string | undefined, text: string) {
    const problem = `${field === undefined ? '' : `${field} `}${text}`
    super('ERR_TRACE', 400, `Line ${line} of the trace: ${problem}`, field)
    this.line = line
    this.problem = problem
  }
}
