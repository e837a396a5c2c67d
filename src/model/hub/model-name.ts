import { ModelNotFoundError } from '../errors.js'

/** `org/name`, `org/name@revision`, `org/name:file.gguf` and both together. */
export interface HubName {
  /** 'org/name' */
  readonly repo: string
  /** Branch, tag or commit. */
  readonly revision: string
  /** Path of a GGUF file within the repository; undefined = its safetensors. */
  readonly file: string | undefined
}

const namePattern = /^(?<repo>[^/@:]+\/[^/@:]+)(?:@(?<revision>[^:]+))?(?::(?<file>.+))?$/

/**
 * Parses a repository's name strictly: its parts become paths and URLs.
 *
 * @throws ModelNotFoundError when the text cannot be one
 */
export function parseHubName (text: string): HubName {
  const { repo, revision = 'main', file } = namePattern.exec(text)?.groups ?? {}
  if (repo === undefined) throw invalidName(text, 'A model is a folder, a .gguf file, or org/name on the Hugging Face hub')
  if (!repo.split('/').every(isRepoPart)) {
    throw invalidName(text, 'Organisation and name consist of letters, digits, "-", "_" and ".", without ".." or "--"')
  }
  if (!isSafePath(revision)) throw invalidName(text, 'The revision after "@" must be a branch, a tag or a commit')
  if (file !== undefined && !(isSafePath(file) && file.endsWith('.gguf'))) {
    throw invalidName(text, 'What follows ":" must be the path of a .gguf file in the repository')
  }
  return { repo, revision, file }
}

function isRepoPart (part: string): boolean {
  return /^[A-Za-z0-9_](?:[\w.-]{0,94}[A-Za-z0-9_])?$/.test(part) && !part.includes('..') && !part.includes('--')
}

/** A relative path of ordinary segments, with nothing that leaves its folder on any system. */
export function isSafePath (path: string): boolean {
  return path.length <= 500 && path.split('/').every(segment => /^[\w+ ()=,-][\w.+ ()=,-]*$/.test(segment) && !segment.endsWith('.'))
}

export const isCommit = (revision: string): boolean => /^[0-9a-f]{40}$/.test(revision)

function invalidName (text: string, rule: string): ModelNotFoundError {
  return new ModelNotFoundError(`"${text}" is not a model. ${rule}.`)
}
