// Renders templates on a thread of its own: a slow template delays no token of another request, and
// one that does not end can be stopped.
import { parentPort, workerData } from 'node:worker_threads'
import { Template } from '@huggingface/jinja'
import type { ThreadReady } from '../../threads/job-thread.js'
import { replaceStripCalls, stripFunctions } from './strip-arguments.js'
import type { TemplateJob, TemplateReply, TemplateWorkerData } from './template-job.js'

class TemplateRaised extends Error {}

const { templates, maxOutputChars } = workerData as TemplateWorkerData
const parsed = new Map<string, Template>()

parentPort?.on('message', (job: TemplateJob) => { parentPort?.postMessage(reply(job)) })
parentPort?.postMessage({ kind: 'ready' } satisfies ThreadReady)

function reply ({ template, variables }: TemplateJob): TemplateReply {
  try {
    const text = templateNamed(template).render({ ...variables, ...stripFunctions, raise_to_caller: raise })
    return text.length > maxOutputChars ? { kind: 'tooLong', chars: text.length } : { kind: 'text', text }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return { kind: error instanceof TemplateRaised ? 'raised' : 'failed', message }
  }
}

function templateNamed (name: string): Template {
  let template = parsed.get(name)
  if (template === undefined) {
    // The engine's own raise_exception throws a plain Error, which cannot be told from a fault.
    template = new Template(`{% set raise_exception = raise_to_caller %}${templates[name] ?? ''}`)
    replaceStripCalls(template.parsed)
    parsed.set(name, template)
  }
  return template
}

function raise (message: unknown): never {
  throw new TemplateRaised(String(message))
}
