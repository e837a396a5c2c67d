import { MillraceError } from '../core/errors.js'

/** No model under that name: neither a folder, a file, nor a repository that can be read. */
export class ModelNotFoundError extends MillraceError {
  constructor (message: string) {
    super('ERR_MODEL_NOT_FOUND', 404, message, 'model')
  }
}

/** The model's files contradict themselves or each other, or lack something. */
export class ModelFilesError extends MillraceError {
  constructor (message: string) {
    super('ERR_MODEL_FILES', 500, message, 'model')
  }
}

/** The model is sound, but needs something that this server does not do. */
export class UnsupportedModelError extends MillraceError {
  constructor (message: string) {
    super('ERR_MODEL_UNSUPPORTED', 501, message, 'model')
  }
}

/** The tokenizer's files are missing, broken or made for another model. */
export class TokenizerError extends MillraceError {
  constructor (message: string) {
    super('ERR_TOKENIZER', 500, message, 'model')
  }
}

/** The model has no chat template, so that it cannot take messages. */
export class NoChatTemplateError extends MillraceError {
  constructor () {
    super('ERR_NO_CHAT_TEMPLATE', 400,
      'This model has no chat template, so it cannot answer messages. ' +
      'Send the text to completions instead, or add chat_template.jinja to the model\'s folder.', 'messages')
  }
}

/** The engine cannot run tools for this model: it would not know a call when it sees one. */
export class NoToolFormatError extends MillraceError {
  constructor () {
    super('ERR_NO_TOOL_FORMAT', 400, 'The chat template of this model shows no form of tool calls that is known (Hermes and Qwen, Llama 3, Mistral), ' +
      'so registered tools cannot be run. Offer definitions instead and read the calls out of the text, or take another model.', 'tools')
  }
}

/** The chat template refused the messages, or could not be rendered within its limits. */
export class ChatTemplateError extends MillraceError {
  constructor (message: string) {
    super('ERR_CHAT_TEMPLATE', 400, message, 'messages')
  }
}

/** Files could not be fetched from the hub. */
export class DownloadError extends MillraceError {
  constructor (message: string) {
    super('ERR_MODEL_DOWNLOAD', 502, message, 'model')
  }
}
