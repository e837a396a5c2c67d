export { ApiError } from './api-error.js'
export {
  createClient, type ChatDelta, type ChatMessageInput, type ChatRequestInput, type ChatUsage, type Client, type ClientOptions
} from './client.js'
