import type { Checks } from './lib/run.js'
import { chatAnswer } from './sections/chat-answer.js'
import { chatRequest } from './sections/chat-request.js'
import { chatStream } from './sections/chat-stream.js'
import { completions } from './sections/completions.js'
import { constrained } from './sections/constrained.js'
import { embeddings } from './sections/embeddings.js'
import { httpErrors } from './sections/http-errors.js'
import { load } from './sections/load.js'
import { models } from './sections/models.js'
import { responses } from './sections/responses.js'

/** The test of every item. */
export const checks: Checks = {
  ...httpErrors, ...models, ...chatRequest, ...constrained, ...chatAnswer, ...chatStream, ...completions, ...embeddings, ...responses, ...load
}
