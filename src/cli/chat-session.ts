import { MillraceError } from '../core/errors.js'
import { didYouMean } from '../core/suggest.js'
import type { ChatMessage, Generation, GenerationChunk, RequestOptions } from '../engine/api.js'
import type { Engine } from '../engine/engine.js'
import { answerStats } from './answer-stats.js'
import { printLine, type Io } from './io.js'

const commands: Readonly<Record<string, string>> = {
  '/reset': 'forget the conversation, but not the system message',
  '/system': 'set the system message: /system You are brief.',
  '/help': 'list the commands',
  '/exit': 'leave'
}

/** One conversation: what was said, and the commands that a line may be. */
export class ChatSession {
  readonly #engine: Pick<Engine, 'chat'>
  readonly #io: Pick<Io, 'stdout' | 'stderr'>
  readonly #options: RequestOptions
  #system: string | undefined
  #messages: ChatMessage[] = []
  #running: Generation | undefined

  constructor (engine: Pick<Engine, 'chat'>, io: Pick<Io, 'stdout' | 'stderr'>, options: RequestOptions, system?: string) {
    this.#engine = engine
    this.#io = io
    this.#options = options
    this.#system = system
  }

  /** One line of the user's. */
  async take (line: string): Promise<'exit' | 'continue'> {
    const text = line.trim()
    if (text.startsWith('/')) return this.#command(text)
    if (text !== '') await this.#answer(text)
    return 'continue'
  }

  /** Ends the running answer. @returns whether there was one */
  interrupt (): boolean {
    this.#running?.abort()
    return this.#running !== undefined
  }

  #command (text: string): 'exit' | 'continue' {
    const [name, ...rest] = text.split(/\s+/)
    const argument = rest.join(' ')
    switch (name) {
      case '/exit': return 'exit'
      case '/reset':
        this.#messages = []
        this.#note('The conversation is forgotten.')
        break
      case '/system':
        this.#system = argument === '' ? undefined : argument
        this.#note(argument === '' ? 'There is no system message now.' : 'The system message is set.')
        break
      case '/help':
        for (const [command, meaning] of Object.entries(commands)) this.#note(`${command.padEnd(8)} ${meaning}`)
        break
      default:
        this.#note(`There is no command ${name}.${didYouMean(name!, Object.keys(commands))} /help lists them.`)
    }
    return 'continue'
  }

  async #answer (content: string): Promise<void> {
    const question: ChatMessage = { role: 'user', content }
    const system: ChatMessage[] = this.#system === undefined ? [] : [{ role: 'system', content: this.#system }]
    const generation = this.#running = this.#engine.chat({ ...this.#options, messages: [...system, ...this.#messages, question] })
    try {
      for await (const chunk of generation) this.#write(chunk)
      const result = await generation.result()
      printLine(this.#io.stdout)
      this.#note(answerStats(result))
      // An answer that was cut off before its first word leaves nothing to go on from.
      const { text } = result.choices[0]!
      if (text !== '') this.#messages.push(question, { role: 'assistant', content: text })
    } catch (error) {
      if (!(error instanceof MillraceError) || error.statusCode >= 500) throw error
      printLine(this.#io.stdout)
      this.#note(error.code === 'ERR_PROMPT_TOO_LONG' ? `${error.message} /reset starts a new conversation.` : error.message)
    } finally {
      this.#running = undefined
    }
  }

  /** Thoughts, where the model shows them, are no part of the answer. */
  #write ({ reasoning, text }: GenerationChunk): void {
    if (reasoning !== undefined) this.#io.stderr.write(reasoning)
    this.#io.stdout.write(text)
  }

  #note (text: string): void {
    printLine(this.#io.stderr, `[${text}]`)
  }
}
