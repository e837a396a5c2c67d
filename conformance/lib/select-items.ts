import type { Item } from '../items.js'

/**
 * The items of a list such as `69-93,101`; all without one.
 *
 * @throws for what is no such list, and for numbers that no item has
 */
export function selectItems (items: readonly Item[], list: string | undefined): readonly Item[] {
  if (list === undefined) return items
  const wanted = new Set(list.split(',').flatMap(part => {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part.trim())
    if (match === null) throw new Error(`--only takes numbers and ranges, such as 69-93,101; ${part} is neither.`)
    const [first, last] = [Number(match[1]), Number(match[2] ?? match[1])]
    if (first > last || first < 1 || last > items.length) throw new Error(`--only has ${part}; items are 1 to ${items.length}.`)
    return Array.from({ length: last - first + 1 }, (_, i) => first + i)
  }))
  return items.filter(({ number }) => wanted.has(number))
}
