import type { ChatMessage, ToolCall, ToolResult } from './api.js'
import type { TakenCall } from './call-filter.js'

/** What a round of an answer says. */
export interface AnswerText {
  readonly text: string
  readonly reasoning: string
}

/** What one choice of a chat with tools adds to the conversation. */
export class ChoiceMessages {
  readonly added: ChatMessage[] = []
  /** How often tools were run. */
  rounds = 0
  /** Calls of the last answer that nobody has run. */
  open: readonly ToolCall[] = []

  /** An answer that ended with these calls. */
  addCalls ({ text, reasoning }: AnswerText, written: readonly TakenCall[]): ToolCall[] {
    const calls = written.map(({ id, name, arguments: args, argumentsText, error }): ToolCall => ({
      id, name, arguments: args, argumentsText, ...error === undefined ? {} : { error }
    }))
    const readable = calls.filter(({ error }) => error === undefined)
    // What cannot be written as a call is said again as the model said it.
    const unreadable = written.filter(({ error }) => error !== undefined).map(call => call.text)
    this.added.push({
      role: 'assistant',
      content: [text.trimEnd(), ...new Set(unreadable)].filter(part => part !== '').join('\n'),
      ...reasoningOf(reasoning),
      ...readable.length === 0 ? {} : { tool_calls: readable.map(({ id, name, arguments: args }) => ({ id, type: 'function', function: { name, arguments: args } })) }
    })
    this.open = calls
    return calls
  }

  addResults (results: readonly ToolResult[]): void {
    for (const { callId: id, name, content } of results) {
      this.added.push({ role: 'tool', content, tool_call_id: id, ...name === '' ? {} : { name } })
    }
    this.open = this.open.filter(({ id }) => results.every(result => result.callId !== id))
  }

  /** The choice has ended with this text. */
  addText ({ text, reasoning }: AnswerText): void {
    if (text !== '') this.added.push({ role: 'assistant', content: text, ...reasoningOf(reasoning) })
  }
}

function reasoningOf (reasoning: string): Pick<ChatMessage, 'reasoning_content'> {
  return reasoning === '' ? {} : { reasoning_content: reasoning }
}
