import type { IncomingHttpHeaders } from 'node:http'

/** By the names that OpenTelemetry gives log fields. */
export interface TraceFields {
  readonly trace_id: string
  /** Of the caller: the parent of whatever happens here. */
  readonly span_id: string
  readonly trace_flags: string
}

/** Version, trace, parent, flags; versions after 00 may have more at the end. W3C Trace Context, section 3.2. */
const pattern = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/

/** What the header `traceparent` says; undefined when it is missing or must be ignored. */
export function traceOf ({ traceparent }: IncomingHttpHeaders): TraceFields | undefined {
  const [, version, trace_id, span_id, trace_flags, rest] = pattern.exec(typeof traceparent === 'string' ? traceparent : '') ?? []
  if (version === undefined || version === 'ff' || (version === '00' && rest !== undefined)) return undefined
  if (/^0+$/.test(trace_id!) || /^0+$/.test(span_id!)) return undefined
  return { trace_id: trace_id!, span_id: span_id!, trace_flags: trace_flags! }
}
