import { table } from './table.js'

/** What a benchmark must show. */
export interface Goal {
  readonly name: string
  readonly value: number
  readonly atLeast?: number
  readonly atMost?: number
}

export function isMet ({ value, atLeast = -Infinity, atMost = Infinity }: Goal): boolean {
  return value >= atLeast && value <= atMost
}

export function goalsText (goals: readonly Goal[]): string {
  return table(['goal', 'value', 'at least', 'at most', ''],
    goals.map(goal => [goal.name, goal.value, goal.atLeast, goal.atMost, isMet(goal) ? 'met' : 'MISSED']))
}
