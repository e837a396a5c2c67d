/**
 * Moves the first `count` of the items [0, size) to the front, in any order among themselves. Takes time
 * proportional to `size`, and no memory (quickselect: Hoare 1961).
 */
export function firstOf<T> (items: T[], size: number, count: number, isBefore: (a: T, b: T) => boolean): void {
  let low = 0
  let high = size - 1
  // Items before `low` are of the first; those after `high` are not.
  while (low < high && count > low && count <= high) {
    const pivot = items[(low + high) >> 1]!
    let left = low
    let right = high
    while (left <= right) {
      while (isBefore(items[left]!, pivot)) left++
      while (isBefore(pivot, items[right]!)) right--
      if (left > right) break
      const item = items[left]!
      items[left++] = items[right]!
      items[right--] = item
    }
    if (count <= right) high = right
    else if (count >= left) low = left
    else return
  }
}
