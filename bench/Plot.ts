import { scaleLinear, scaleLog } from "d3-scale"
import type { Series } from "./Growth.ts"
import { sizeText } from "./Slope.ts"

const width = 720
const height = 400
const plot = { left: 72, right: 668, top: 72, bottom: 340 }

/** When the greatest is so many times the least, the small ones could not be seen on a linear axis. */
const linearTimesMax = 20

interface Palette {
  readonly ink: string
  readonly faint: string
  readonly paper: string
  readonly hues: ReadonlyArray<string>
}

const light: Palette = {
  ink: "#1f2328",
  faint: "#d8dee4",
  paper: "#ffffff",
  hues: ["#0969da", "#bc4c00", "#1a7f37", "#8250df"]
}

const dark: Palette = {
  ink: "#e6edf3",
  faint: "#30363d",
  paper: "#0d1117",
  hues: ["#58a6ff", "#f0883e", "#56d364", "#bc8cff"]
}

const colors = ({ faint, hues, ink, paper }: Palette) =>
  [
    `text { fill: ${ink} } .paper { fill: ${paper} } .grid { stroke: ${faint} }`,
    ...hues.map((hue, i) => `.s${i} circle { fill: ${hue} } .s${i} polyline { stroke: ${hue} }`)
  ].join(" ")

const style = `
  svg { font: 13px system-ui, sans-serif }
  .title { font-weight: 600; font-size: 15px }
  polyline { fill: none; stroke-width: 2 }
  ${colors(light)}
  @media (prefers-color-scheme: dark) { ${colors(dark)} }`

const hueOf = (i: number) => `s${i % light.hues.length}`

/** Cost of an event by size as SVG: logarithmic x axis, readable in light and dark. Pure. */
export const plotOf = (title: string, axis: string, series: ReadonlyArray<Series>): string => {
  const sizes = [...new Set(series.flatMap(({ points }) => points.map(({ size }) => size)))].toSorted((a, b) => a - b)
  const walls = series.flatMap(({ points }) => points.map(({ wall }) => wall))
  const x = scaleLog([Math.min(...sizes), Math.max(...sizes)], [plot.left, plot.right])
  const { isLog, ticks, y } = costScale(Math.min(...walls), Math.max(...walls))
  const at = (size: number, wall: number) => ({ x: x(size).toFixed(1), y: y(wall).toFixed(1) })
  const middle = (plot.left + plot.right) / 2
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escape(title)}">`,
    `<style>${style}\n</style>`,
    `<rect class="paper" width="${width}" height="${height}"/>`,
    `<text class="title" x="${plot.left}" y="28">${escape(title)}</text>`,
    ...legend(series),
    ...ticks.map((tick) => horizontal(y(tick), tick.toLocaleString("en"))),
    ...sizes.map((size) => vertical(x(size), sizeText(size))),
    `<text text-anchor="middle" x="${middle}" y="${height - 14}">${escape(axis)}, logarithmic</text>`,
    `<text text-anchor="middle" transform="translate(18 ${(plot.top + plot.bottom) / 2}) rotate(-90)">µs per event${isLog ? ", logarithmic" : ""}</text>`,
    ...series.flatMap(({ name, points }, i) => {
      const places = points.map(({ size, wall }) => at(size, wall))
      return [
        `<g class="${hueOf(i)}"><title>${escape(name)}</title>`,
        `<polyline points="${places.map((place) => `${place.x},${place.y}`).join(" ")}"/>`,
        ...places.map((place) => `<circle cx="${place.x}" cy="${place.y}" r="3.5"/>`),
        "</g>"
      ]
    }),
    "</svg>",
    ""
  ].join("\n")
}

const escape = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;")

const costScale = (least: number, greatest: number) => {
  if (greatest > linearTimesMax * least) {
    const y = scaleLog([least, greatest], [plot.bottom, plot.top]).nice()
    return { y, ticks: y.ticks().filter((tick) => Number.isInteger(Math.log10(tick))), isLog: true }
  }
  const y = scaleLinear([0, greatest], [plot.bottom, plot.top]).nice(6)
  return { y, ticks: y.ticks(6), isLog: false }
}

const horizontal = (y: number, label: string) =>
  `<line class="grid" x1="${plot.left}" x2="${plot.right}" y1="${y.toFixed(1)}" y2="${y.toFixed(1)}"/><text text-anchor="end" x="${plot.left - 8}" y="${(y + 4).toFixed(1)}">${label}</text>`

const vertical = (x: number, label: string) =>
  `<line class="grid" x1="${x.toFixed(1)}" x2="${x.toFixed(1)}" y1="${plot.top}" y2="${plot.bottom}"/><text text-anchor="middle" x="${x.toFixed(1)}" y="${plot.bottom + 20}">${label}</text>`

/** Entries side by side, each as wide as its text is likely to be. */
const legend = (series: ReadonlyArray<Series>) => {
  let x = plot.left
  return series.map(({ name }, i) => {
    const entry = `<g class="${hueOf(i)}"><circle cx="${x + 4}" cy="50" r="4"/><text x="${x + 14}" y="54">${escape(name)}</text></g>`
    x += 36 + name.length * 7
    return entry
  })
}
