/** What the worker is started with. */
export interface TemplateWorkerData {
  readonly templates: Readonly<Record<string, string>>
  readonly maxOutputChars: number
}

export interface TemplateJob {
  readonly template: string
  readonly variables: Readonly<Record<string, unknown>>
}

export type TemplateReply =
  | { readonly kind: 'text', readonly text: string }
  /** The template called raise_exception. */
  | { readonly kind: 'raised', readonly message: string }
  | { readonly kind: 'failed', readonly message: string }
  | { readonly kind: 'tooLong', readonly chars: number }
