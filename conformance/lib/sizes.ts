/** How much the items under load ask for, and how long those with clocks wait. */
export interface Sizes {
  /** Item 18: requests over one connection, and the pause after them. */
  readonly sequential: number
  readonly idleMs: number
  /** Item 10: what a refusal before the body is read may take. */
  readonly earlyRefusalMs: number
  /** Item 11: requests at once. */
  readonly overload: number
  /** Item 56: bytes of the large body, and what others may wait meanwhile. */
  readonly largeBodyBytes: number
  readonly stallMs: number
  /** Item 115 */
  readonly aborts: number
  /** Items 115 and 117: what the server may take until nothing runs any more. */
  readonly settleMs: number
  /** Item 117: readers, and the memory that each may cost beside a fixed 64 MiB. */
  readonly slowReaders: number
  readonly bytesPerReader: number
  /** Item 118: clients of high priority, and what one of low priority may take. */
  readonly priorityClients: number
  readonly priorityBoundMs: number
}

export const fullSizes: Sizes = {
  sequential: 1001,
  idleMs: 5500,
  earlyRefusalMs: 5000,
  overload: 4096,
  largeBodyBytes: 16 * 2 ** 20 - 4096,
  stallMs: 500,
  aborts: 10_000,
  settleMs: 30_000,
  slowReaders: 512,
  bytesPerReader: 256 * 1024,
  priorityClients: 64,
  priorityBoundMs: 60_000
}

/** What a run in CI can afford. */
export const smallSizes: Sizes = { ...fullSizes, overload: 1280, aborts: 200, slowReaders: 24, priorityClients: 12 }
