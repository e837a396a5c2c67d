import { renderUnfinished } from '../model/chat/continuation.js'
import { opensReasoning, showsReasoning } from '../model/chat/reasoning.js'
import { detectToolFormat } from '../model/chat/tool-calls/detect-format.js'
import { llama3 } from '../model/chat/tool-calls/llama3.js'
import type { ToolFormat } from '../model/chat/tool-calls/tool-format.js'
import { NoChatTemplateError, NoToolFormatError } from '../model/errors.js'
import { answerForm } from './answer-form.js'
import type { ChatMessage, ChatOptions } from './api.js'
import { chatOptionNames, checkAllowedTools, checkContinuation, checkMessages, checkParallelCalls, checkRequest, checkTextLength, checkToolChoice, checkToolRounds } from './check-request.js'
import type { EngineParts } from './engine-model.js'
import type { EngineRequest } from './engine-request.js'
import type { RegisteredTools } from './registered-tools.js'

/** A conversation as the model reads it. It may grow. */
export class ChatPrompt {
  readonly #parts: EngineParts
  readonly #options: ChatOptions
  readonly #tools: readonly unknown[] | undefined
  /** The answer goes on with the last message. */
  readonly continues: boolean
  /** It ends among the thoughts that come before an answer. */
  opensReasoning = false

  constructor (parts: EngineParts, options: ChatOptions, tools: readonly unknown[] | undefined) {
    this.#parts = parts
    this.#options = options
    this.#tools = tools
    this.continues = checkContinuation(options.continueFinalMessage, options.messages)
  }

  /** Token ids of the conversation with these messages behind it. @throws the signal's reason where that spares the work */
  async encode (signal?: AbortSignal, added: readonly ChatMessage[] = []): Promise<Int32Array> {
    const { chatTemplate, tokenizer, options: { maxModelLen } } = this.#parts
    if (chatTemplate === undefined) throw new NoChatTemplateError()
    const { messages, templateVariables: variables = {} } = this.#options
    const input = { messages: [...messages, ...added], tools: this.#tools, variables }
    // Rounds after the first have messages of their own behind it.
    const rendered = this.continues && added.length === 0
      ? await renderUnfinished(chatTemplate, input, signal)
      : await chatTemplate.render(input, signal)
    checkTextLength(rendered.text, maxModelLen)
    this.opensReasoning = opensReasoning(rendered.text)
    return await tokenizer.encodeRendered(rendered)
  }
}

/** The form in which a model calls tools, as far as its chat template shows it. */
export function toolFormatOf ({ chatTemplate }: EngineParts): ToolFormat | undefined {
  return chatTemplate === undefined ? undefined : detectToolFormat(chatTemplate.source(true))
}

/**
 * Checks what is asked of a chat, and gives the request its conversation and its tools. Returns the first
 * prompt.
 *
 * @throws InvalidParameterError, NoChatTemplateError, NoToolFormatError, and what the template throws
 */
export async function openChat (
  request: EngineRequest, options: ChatOptions, parts: EngineParts, tools: RegisteredTools, format: ToolFormat | undefined
): Promise<Int32Array> {
  checkRequest(options, chatOptionNames)
  checkMessages(options.messages)
  const offered = tools.offer(options.tools)
  const hasRegistered = offered.registered.size > 0
  request.offered = offered
  request.maxToolRounds = checkToolRounds(options.maxToolRounds, hasRegistered)
  request.prompt = new ChatPrompt(parts, options, offered.definitions)
  request.reasons = parts.chatTemplate !== undefined && showsReasoning(parts.chatTemplate.source(offered.names.length > 0))
  request.callRules = {
    takesMalformed: hasRegistered,
    allowed: checkAllowedTools(options.allowedTools, offered.names),
    isSingle: !checkParallelCalls(options.parallelToolCalls)
  }
  const mustCall = checkToolChoice(options.toolChoice, options, offered.names)
  // A model that knows no calls can still be held to some.
  if (offered.names.length > 0) request.format = format ?? (mustCall ? llama3 : undefined)
  if (hasRegistered && format === undefined && parts.chatTemplate !== undefined) throw new NoToolFormatError()
  const promptIds = await request.prompt.encode(request.endSignal)
  request.constraint = answerForm(request, mustCall, parts)
  return promptIds
}
