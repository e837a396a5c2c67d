import type { Outcome, Result } from './run.js'

const words: Readonly<Record<Outcome, string>> = { passed: 'passed', failed: 'FAILED', notApplicable: 'not applicable' }

/** A line for the terminal: number, outcome, title, and the reason when there is one. */
export function resultLine ({ number, outcome, title, reason }: Result): string {
  return `${String(number).padStart(3)}  ${words[outcome].padEnd(14)}  ${title}${reason === undefined ? '' : `\n${' '.repeat(21)}${reason}`}`
}

export interface Score {
  readonly passed: number
  readonly failed: number
  readonly notApplicable: number
}

export function scoreOf (results: readonly Result[]): Score {
  const count = (outcome: Outcome): number => results.filter(result => result.outcome === outcome).length
  return { passed: count('passed'), failed: count('failed'), notApplicable: count('notApplicable') }
}

/** A table of sections and scores. */
export function scoreTable (results: readonly Result[]): string {
  const sections = [...new Set(results.map(({ section }) => section))]
  const rows = [...sections.map(section => [section, scoreOf(results.filter(result => result.section === section))] as const), ['all', scoreOf(results)] as const]
  return [
    `${'section'.padEnd(22)}${'passed'.padStart(8)}${'failed'.padStart(8)}${'n/a'.padStart(8)}`,
    ...rows.map(([section, { passed, failed, notApplicable }]) => section.padEnd(22) + [passed, failed, notApplicable].map(count => String(count).padStart(8)).join(''))
  ].join('\n')
}

/** What --json writes: a server's results, without what is of one run only. */
export interface ResultFile {
  readonly name?: string
  readonly date: string
  readonly model: string
  readonly sizes: 'small' | 'full'
  readonly score: Score
  readonly results: ReadonlyArray<Pick<Result, 'number' | 'outcome' | 'reason'>>
}
