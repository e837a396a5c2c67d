export function findNvcc (env?: Readonly<Record<string, string | undefined>>, exists?: (path: string) => boolean): string
