import { tryJson } from './http.js'

/** One server-sent event. */
export interface ServerEvent {
  /** All its lines. */
  readonly lines: readonly string[]
  /** Of its `event:` line. */
  readonly name: string | undefined
  /** Of its `data:` lines; undefined for a comment. */
  readonly data: string | undefined
  /** The data parsed; undefined when it is no JSON. */
  readonly json: any
}

export function readEvents (raw: string): ServerEvent[] {
  return raw.replaceAll('\r\n', '\n').split('\n\n').filter(text => text !== '').map(text => {
    const lines = text.split('\n').filter(line => line !== '')
    const values = (field: string): string[] => lines.filter(line => line.startsWith(`${field}:`)).map(line => line.slice(field.length + 1).replace(/^ /, ''))
    const dataLines = values('data')
    const data = dataLines.length === 0 ? undefined : dataLines.join('\n')
    return { lines, name: values('event')[0], data, json: data === undefined ? undefined : tryJson(data) }
  })
}

/** The chunks of a stream: events with JSON. */
export function chunksOf (events: readonly ServerEvent[]): any[] {
  return events.map(event => event.json).filter(json => json !== undefined && json !== null)
}

/** The text of one choice, its deltas joined. */
export function streamedText (events: readonly ServerEvent[], index = 0): string {
  return choicesOf(events).filter(choice => choice.index === index).map(choice => choice.delta?.content ?? choice.text ?? '').join('')
}

export function choicesOf (events: readonly ServerEvent[]): any[] {
  return chunksOf(events).flatMap(chunk => Array.isArray(chunk.choices) ? chunk.choices : [])
}
