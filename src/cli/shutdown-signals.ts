export interface ShutdownSignals {
  /** Resolves with the first SIGTERM or SIGINT; the second ends the process. */
  readonly first: Promise<'stop'>
  /** Signals have their usual effect again. */
  end (): void
}

/** Exit codes that shells expect: 128 + the signal's number. */
const exitCodes = { SIGINT: 130, SIGTERM: 143 } as const

export function shutdownSignals (): ShutdownSignals {
  let isStopping = false
  let resolveFirst!: (stop: 'stop') => void
  const first = new Promise<'stop'>(resolve => { resolveFirst = resolve })
  const onSignal = (signal: 'SIGINT' | 'SIGTERM'): void => {
    if (isStopping) process.exit(exitCodes[signal])
    isStopping = true
    resolveFirst('stop')
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
  return {
    first,
    end () {
      process.off('SIGTERM', onSignal)
      process.off('SIGINT', onSignal)
    }
  }
}
