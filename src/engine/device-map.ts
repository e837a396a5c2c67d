import { InvalidOptionError } from '../core/errors.js'

/** Layers [start, end) of a stage; more than one device splits each of them. */
export interface DeviceStage {
  readonly start: number
  readonly end: number
  readonly devices: readonly string[]
}

const form = 'Write it as cpu:0=0-13,cpu:1=14-27 (first and last layer), or as JSON: [{"start":0,"end":14,"devices":["cpu:0"]}].'

/**
 * Reads a device map from its flag form ('cpu:0=0-13,cpu:1=14-27', last layers included) or its JSON
 * form, text or array (`end` excluded).
 *
 * @throws InvalidOptionError
 */
export function parseDeviceMap (value: unknown): readonly DeviceStage[] {
  if (typeof value === 'string' && !value.trimStart().startsWith('[')) return value.split(',').map(parseFlagStage)
  let stages: unknown = value
  if (typeof value === 'string') {
    try {
      stages = JSON.parse(value)
    } catch {
      throw new InvalidOptionError('deviceMap', `deviceMap is not valid JSON. ${form}`)
    }
  }
  if (!Array.isArray(stages) || stages.length === 0) throw new InvalidOptionError('deviceMap', `deviceMap must be a list of stages. ${form}`)
  return stages.map(checkStage)
}

/**
 * Stages must take all layers in order, without gap or overlap.
 *
 * @throws InvalidOptionError that says which layers are wrong
 */
export function checkDeviceMap (stages: readonly DeviceStage[], numLayers: number): void {
  let next = 0
  for (const { start, end } of stages) {
    if (start !== next || end <= start) {
      throw new InvalidOptionError('deviceMap', `deviceMap has a stage of layers ${start} to ${end - 1} where layer ${next} is next. ` +
        'Give every layer to one stage, in order.')
    }
    next = end
  }
  if (next !== numLayers) {
    throw new InvalidOptionError('deviceMap', `deviceMap ends with layer ${next - 1}; the model's last layer is ${numLayers - 1}.`)
  }
}

function parseFlagStage (text: string): DeviceStage {
  const match = /^\s*([^=\s]+)=(\d{1,6})-(\d{1,6})\s*$/.exec(text)
  if (match === null) throw new InvalidOptionError('deviceMap', `deviceMap has '${text}'. ${form}`)
  return { start: Number(match[2]), end: Number(match[3]) + 1, devices: match[1]!.split('+') }
}

function checkStage (stage: unknown): DeviceStage {
  const { start, end, devices } = (stage ?? {}) as Partial<Record<keyof DeviceStage, unknown>>
  const isSound = Number.isSafeInteger(start) && Number.isSafeInteger(end) && Array.isArray(devices) &&
    devices.length > 0 && devices.every(device => typeof device === 'string')
  if (!isSound) throw new InvalidOptionError('deviceMap', `deviceMap has the stage ${JSON.stringify(stage)}. ${form}`)
  return { start: start as number, end: end as number, devices: devices }
}
