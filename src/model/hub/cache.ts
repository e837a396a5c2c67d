// The Hugging Face cache, shared with Hugging Face's own tools:
//   models--org--name/refs/<revision>             the commit that a branch or tag means
//   models--org--name/blobs/<id>                  contents, by SHA-256 (large) or git id (small)
//   models--org--name/snapshots/<commit>/<file>   links to blobs
import { access, link, mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { isCommit, type HubName } from './model-name.js'
import { ggufParts, indexFile, shardsOf } from './needed-files.js'

export class RepoCache {
  readonly folder: string

  constructor (cacheDir: string, repo: string) {
    this.folder = join(cacheDir, `models--${repo.replace('/', '--')}`)
  }

  blob (id: string): string {
    return join(this.folder, 'blobs', id)
  }

  snapshot (commit: string): string {
    return join(this.folder, 'snapshots', commit)
  }

  /** The commit that a revision meant when it was last fetched. */
  async commitOf (revision: string): Promise<string | undefined> {
    if (isCommit(revision)) return revision
    const commit = (await readFile(join(this.folder, 'refs', revision), 'utf8').catch(() => '')).trim()
    return isCommit(commit) ? commit : undefined
  }

  async setCommit (revision: string, commit: string): Promise<void> {
    if (isCommit(revision)) return
    const path = join(this.folder, 'refs', revision)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(`${path}.tmp`, commit)
    await rename(`${path}.tmp`, path)
  }

  /** Makes `file` of a snapshot the blob, by a link; hard where the system forbids symbolic ones. */
  async linkFile (commit: string, file: string, id: string): Promise<void> {
    const path = join(this.snapshot(commit), file)
    await mkdir(dirname(path), { recursive: true })
    await rm(path, { force: true })
    const blob = this.blob(id)
    try {
      await symlink(relative(dirname(path), blob), path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error
      await link(blob, path)
    }
  }

  /** The files that a model still lacks in a snapshot; empty when it can be loaded from there. */
  async missingFiles (commit: string, name: HubName): Promise<readonly string[]> {
    const snapshot = this.snapshot(commit)
    return await missingOf(await requiredFiles(snapshot, name), snapshot)
  }
}

async function requiredFiles (snapshot: string, name: HubName): Promise<readonly string[]> {
  if (name.file !== undefined) return ggufParts(name.file)
  const index = await readFile(join(snapshot, indexFile), 'utf8').catch(() => undefined)
  return ['config.json', ...(index === undefined ? ['model.safetensors'] : shardsOf(index, name.repo))]
}

async function missingOf (files: readonly string[], folder: string): Promise<readonly string[]> {
  const found = await Promise.all(files.map(async file => await exists(join(folder, file))))
  return files.filter((_, i) => found[i] === false)
}

export async function exists (path: string): Promise<boolean> {
  return await access(path).then(() => true, () => false)
}
