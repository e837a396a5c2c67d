import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Type, type Static } from 'typebox'
import { InvalidParameterError, UnknownResponseError, UnsupportedFieldError } from '../errors.js'
import { responseAnswer } from '../schemas/response-answers.js'
import { ownerOf, type ResponseStore, type StoredResponse } from './response-store.js'

/** Queries are texts. */
const itemsQuery = Type.Object({
  limit: Type.Optional(Type.String({ pattern: '^([1-9]|[1-9][0-9]|100)$' })),
  order: Type.Optional(Type.Enum(['asc', 'desc'])),
  after: Type.Optional(Type.String())
})
const defaultLimit = 20

interface ById { Params: { id: string } }

/** What can be done with responses that are stored. */
export function registerStoredResponses (app: FastifyInstance, store: ResponseStore): void {
  const find = (request: FastifyRequest<ById>): StoredResponse => {
    const stored = store.get(request.params.id, ownerOf(request.headers.authorization))
    if (stored === undefined) throw new UnknownResponseError(request.params.id)
    return stored
  }

  app.get<ById & { Querystring: { stream?: string } }>('/v1/responses/:id', { config: { summary: 'A stored response.', answer: { json: responseAnswer } } }, request => {
    const { response } = find(request)
    if (request.query.stream === 'true') throw new UnsupportedFieldError('stream', 'A response that is stored has no stream; leave stream out.')
    return response
  })

  app.delete<ById>('/v1/responses/:id', { config: { summary: 'Deletes a stored response.' } }, request => {
    const { response: { id } } = find(request)
    store.delete(id, ownerOf(request.headers.authorization))
    return { id, object: 'response', deleted: true }
  })

  app.post<ById>('/v1/responses/:id/cancel', { config: { summary: 'Refused: nothing runs in the background.' } }, request => {
    find(request)
    throw new UnsupportedFieldError('background', 'Only responses that run in the background can be cancelled, and none do here. Close the connection of one that runs.')
  })

  app.get<ById & { Querystring: Static<typeof itemsQuery> }>('/v1/responses/:id/input_items', { schema: { querystring: itemsQuery }, config: { summary: 'What the request of a stored response had as input.' } },
    request => inputItems(find(request), request.query))
}

/** The newest item first, unless asked otherwise. */
function inputItems ({ input }: StoredResponse, { limit, order = 'desc', after }: Static<typeof itemsQuery>): object {
  const ordered = order === 'asc' ? input : [...input].reverse()
  const start = after === undefined ? 0 : ordered.findIndex(({ id }) => id === after) + 1
  if (after !== undefined && start === 0) throw new InvalidParameterError('after', 'after names no item of this response.')
  const data = ordered.slice(start, start + Number(limit ?? defaultLimit))
  return {
    object: 'list',
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: start + data.length < ordered.length
  }
}
