import { randomUUID } from 'node:crypto'
import { ChatTemplateError } from '../errors.js'
import type { GuardedText } from '../tokenizer/tokenizer.js'
import type { ChatInput, ChatTemplate } from './chat-template.js'

/**
 * A conversation up to the end of its last message, whose content is a text, for an answer that goes on with it. A mark behind the
 * message shows where that end is, whatever the template writes after it.
 *
 * @throws ChatTemplateError also where the template does not write the message as it is
 */
export async function renderUnfinished (
  template: Pick<ChatTemplate, 'render'>, input: ChatInput, signal?: AbortSignal
): Promise<GuardedText> {
  const last = input.messages.at(-1) as { readonly content: string }
  const mark = `-${randomUUID()}-`
  const { text, guard } = await template.render({
    ...input, addGenerationPrompt: false, messages: [...input.messages.slice(0, -1), { ...last, content: last.content + mark }]
  }, signal)
  const end = text.lastIndexOf(mark)
  if (end < 0) throw new ChatTemplateError('The chat template does not write the last message as it is, so that no answer can go on with it.')
  return { text: text.slice(0, end), guard }
}
