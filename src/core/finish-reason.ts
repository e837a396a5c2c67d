/**
 * Why a sequence ended. 'stop': EOS, a stop id or a stop string. 'length': maxTokens or the end of the
 * context. 'abort': the caller left. 'error': its request failed.
 */
export type FinishReason = 'stop' | 'length' | 'abort' | 'error'
