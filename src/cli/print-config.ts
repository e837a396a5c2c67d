import { serveOptions, type ServeSettings } from './settings.js'

const commentColumn = 44

/**
 * Every option with its value and where that came from, as a file that `--config` takes. Keys are not in it, and
 * what depends on the model and the machine is only named.
 */
export function configText ({ all }: ServeSettings): string {
  const lines = Object.entries(serveOptions).map(([name, schema]) => {
    const setting = all.get(name)
    if (setting === undefined) return withComment(`# ${name}:`, schema.isSecret === true ? 'not set' : 'decided by model and machine')
    if (schema.isSecret === true) return withComment(`# ${name}:`, `hidden; ${setting.from}`)
    return withComment(`${name}: ${JSON.stringify(setting.value)}`, setting.from)
  })
  return `# Options of millrace serve, each with where it comes from.\n${lines.join('\n')}\n`
}

function withComment (text: string, comment: string): string {
  return `${text.padEnd(commentColumn)} # ${comment}`
}
