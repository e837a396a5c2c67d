/** A line through points in the order of their x. */
export interface Line {
  readonly name: string
  readonly points: ReadonlyArray<readonly [x: number, y: number]>
}

export interface Axis {
  readonly label: string
  readonly low: number
  readonly high: number
  readonly isLog?: boolean
  format (value: number): string
}

export interface LineChart {
  readonly title: string
  readonly x: Axis
  readonly y: Axis
  readonly lines: readonly Line[]
}

const size = { width: 720, height: 380 }
const plot = { left: 64, top: 44, right: 700, bottom: 320 }
/** Told apart with colour-blind eyes too: Okabe & Ito 2008. */
const colours = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000', '#8a8a00']

/** One chart as SVG: axes with ticks, lines, and their names above. */
export function lineChart (chart: LineChart): string {
  const { x, y } = chart
  const xAt = (value: number): number => plot.left + (plot.right - plot.left) * position(x, value)
  const yAt = (value: number): number => plot.bottom - (plot.bottom - plot.top) * position(y, value)
  const parts = [
    text(size.width / 2, 18, chart.title, 'middle', 'bold'),
    ...ticks(x).flatMap(value => [
      rule(xAt(value), plot.top, xAt(value), plot.bottom), text(xAt(value), plot.bottom + 18, x.format(value), 'middle')
    ]),
    ...ticks(y).flatMap(value => [
      rule(plot.left, yAt(value), plot.right, yAt(value)), text(plot.left - 8, yAt(value) + 4, y.format(value), 'end')
    ]),
    text((plot.left + plot.right) / 2, plot.bottom + 40, x.label, 'middle'),
    `<text transform="translate(16 ${(plot.top + plot.bottom) / 2}) rotate(-90)" text-anchor="middle">${escapeXml(y.label)}</text>`,
    ...chart.lines.map((line, i) => polyline(line, colours[i % colours.length]!, xAt, yAt)),
    ...legend(chart.lines)
  ]
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" width="${size.width}" ` +
    `height="${size.height}" font-family="system-ui, sans-serif" font-size="12" role="img">\n${parts.join('\n')}\n</svg>`
}

export function escapeXml (value: string): string {
  return value.replace(/[&<>"']/g, letter => `&#${letter.charCodeAt(0)};`)
}

/** 0 at the axis' low end, 1 at its high one. */
function position ({ low, high, isLog }: Axis, value: number): number {
  const inside = Math.min(high, Math.max(low, value))
  return isLog === true ? Math.log(inside / low) / Math.log(high / low) : (inside - low) / (high - low)
}

function ticks ({ low, high, isLog }: Axis): number[] {
  const values: number[] = []
  if (isLog === true) {
    for (let value = 10 ** Math.ceil(Math.log10(low) - 1e-9); value <= high * (1 + 1e-9); value *= 10) values.push(value)
    return values
  }
  const rough = (high - low) / 5
  const magnitude = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map(factor => factor * magnitude).find(candidate => candidate >= rough)!
  for (let i = Math.ceil(low / step); i * step <= high + step * 1e-9; i++) values.push(i * step)
  return values
}

function polyline ({ points }: Line, colour: string, xAt: (x: number) => number, yAt: (y: number) => number): string {
  const path = points.map(([px, py]) => `${xAt(px).toFixed(1)},${yAt(py).toFixed(1)}`).join(' ')
  return `<polyline fill="none" stroke="${colour}" stroke-width="1.8" points="${path}"/>`
}

function legend (lines: readonly Line[]): string[] {
  const width = (plot.right - plot.left) / Math.max(1, lines.length)
  return lines.map(({ name }, i) => {
    const left = plot.left + i * width
    return `<line x1="${left}" y1="32" x2="${left + 18}" y2="32" stroke="${colours[i % colours.length]!}" stroke-width="3"/>${text(left + 23, 36, name, 'start')}`
  })
}

function rule (x1: number, y1: number, x2: number, y2: number): string {
  return `<line x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" y2="${y2.toFixed(1)}" stroke="#ddd"/>`
}

function text (x: number, y: number, content: string, anchor: 'start' | 'middle' | 'end', weight = 'normal'): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" font-weight="${weight}">${escapeXml(content)}</text>`
}
