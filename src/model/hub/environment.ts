import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { InvalidParameterError } from '../../core/errors.js'

/** Where models are kept and fetched from; by the same variables as Hugging Face's own tools. */
export interface HubEnvironment {
  readonly cacheDir: string
  /** Without a slash at its end. */
  readonly endpoint: string
  readonly token: string | undefined
  readonly isOffline: boolean
}

type Variables = Readonly<Record<string, string | undefined>>

export async function hubEnvironment (variables: Variables = process.env): Promise<HubEnvironment> {
  const home = variables.HF_HOME ??
    join(variables.XDG_CACHE_HOME ?? join(variables.HOME ?? homedir(), '.cache'), 'huggingface')
  return {
    cacheDir: variables.HF_HUB_CACHE ?? variables.HUGGINGFACE_HUB_CACHE ?? join(home, 'hub'),
    endpoint: checkedEndpoint(variables.HF_ENDPOINT ?? 'https://huggingface.co'),
    token: await readToken(variables, home),
    isOffline: isOn(variables.HF_HUB_OFFLINE) || isOn(variables.TRANSFORMERS_OFFLINE)
  }
}

function checkedEndpoint (endpoint: string): string {
  if (!/^https?:\/\//.test(endpoint) || !URL.canParse(endpoint)) {
    throw new InvalidParameterError('HF_ENDPOINT', `HF_ENDPOINT is "${endpoint}"; it must be an http or https address.`)
  }
  return endpoint.replace(/\/+$/, '')
}

async function readToken (variables: Variables, home: string): Promise<string | undefined> {
  const given = variables.HF_TOKEN ?? variables.HUGGING_FACE_HUB_TOKEN
  const token = given ?? await readFile(variables.HF_TOKEN_PATH ?? join(home, 'token'), 'utf8').catch(() => '')
  return token.trim() === '' ? undefined : token.trim()
}

const isOn = (value: string | undefined): boolean => /^(1|on|yes|true)$/i.test(value ?? '')
