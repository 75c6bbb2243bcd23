/** A screenshot has few colours: with a palette of 256 it takes a third of the bytes, and looks the same. */
import { crc32, deflateSync, inflateSync } from "node:zlib"

interface Pixels {
  readonly width: number
  readonly height: number
  /** 0xRRGGBB each. */
  readonly colours: Uint32Array
}

const chunksOf = (png: Buffer) => {
  const chunks: Array<{ readonly type: string; readonly data: Buffer }> = []
  for (let at = 8; at < png.length;) {
    const length = png.readUInt32BE(at)
    chunks.push({ type: png.toString("latin1", at + 4, at + 8), data: png.subarray(at + 8, at + 8 + length) })
    at += length + 12
  }
  return chunks
}

const paeth = (left: number, up: number, corner: number): number => {
  const [a, b, c] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)]
  return a <= b && a <= c ? left : b <= c ? up : corner
}

const predictors = [
  () => 0,
  (left: number) => left,
  (_: number, up: number) => up,
  (left: number, up: number) => (left + up) >> 1,
  paeth
] as const

/** Eight bits a channel, not interlaced: what browsers write. */
const decode = (png: Buffer): Pixels => {
  const chunks = chunksOf(png)
  const head = chunks.find(({ type }) => type === "IHDR")?.data ?? Buffer.alloc(13)
  const [width, height, channels] = [head.readUInt32BE(0), head.readUInt32BE(4), head[9] === 6 ? 4 : 3]
  const raw = inflateSync(Buffer.concat(chunks.filter(({ type }) => type === "IDAT").map(({ data }) => data)))
  const stride = width * channels
  const lines = new Uint8Array(stride * height)
  for (let y = 0; y < height; y += 1) {
    const predict = predictors[raw[y * (stride + 1)] ?? 0] ?? predictors[0]
    for (let x = 0; x < stride; x += 1) {
      const at = y * stride + x
      const left = x < channels ? 0 : (lines[at - channels] ?? 0)
      const up = y === 0 ? 0 : (lines[at - stride] ?? 0)
      const corner = x < channels || y === 0 ? 0 : (lines[at - stride - channels] ?? 0)
      lines[at] = (raw[y * (stride + 1) + 1 + x] ?? 0) + predict(left, up, corner)
    }
  }
  const colours = Uint32Array.from({ length: width * height }, (_, index) => {
    const at = index * channels
    return ((lines[at] ?? 0) << 16) | ((lines[at + 1] ?? 0) << 8) | (lines[at + 2] ?? 0)
  })
  return { width, height, colours }
}

const distance = (a: number, b: number): number =>
  ((a >> 16) - (b >> 16)) ** 2 + (((a >> 8) & 255) - ((b >> 8) & 255)) ** 2 + ((a & 255) - (b & 255)) ** 2

/** Surfaces are kept as they are; the others are edges of letters and lines. */
const exactMax = 64

/** The most frequent colours, and then none of them close to another that is more frequent. */
const paletteOf = (colours: Uint32Array): ReadonlyArray<number> => {
  const counts = new Map<number, number>()
  for (const colour of colours) counts.set(colour, (counts.get(colour) ?? 0) + 1)
  const palette: Array<number> = []
  for (const [colour] of [...counts].toSorted(([, a], [, b]) => b - a)) {
    if (palette.length === 256) break
    if (palette.length < exactMax || palette.every((one) => distance(one, colour) > 48)) palette.push(colour)
  }
  return palette
}

const chunk = (type: string, data: Uint8Array): Buffer => {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data])
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(data.length)
  sum.writeUInt32BE(crc32(body))
  return Buffer.concat([length, body, sum])
}

/** The same picture in at most 256 colours. */
export const withPalette = (png: Buffer): Buffer => {
  const { colours, height, width } = decode(png)
  const palette = paletteOf(colours)
  const nearest = new Map<number, number>()
  const indexOf = (colour: number): number => {
    const known = nearest.get(colour)
    if (known !== undefined) return known
    const distances = palette.map((one) => distance(one, colour))
    const found = distances.indexOf(Math.min(...distances))
    nearest.set(colour, found)
    return found
  }
  const lines = new Uint8Array((width + 1) * height)
  for (let y = 0; y < height; y += 1)
    for (let x = 0; x < width; x += 1) lines[y * (width + 1) + 1 + x] = indexOf(colours[y * width + x] ?? 0)
  const head = Buffer.alloc(13)
  head.writeUInt32BE(width, 0)
  head.writeUInt32BE(height, 4)
  head.set([8, 3, 0, 0, 0], 8)
  const colourBytes = Uint8Array.from(palette.flatMap((one) => [one >> 16, (one >> 8) & 255, one & 255]))
  return Buffer.concat([
    png.subarray(0, 8),
    chunk("IHDR", head),
    chunk("PLTE", colourBytes),
    chunk("IDAT", deflateSync(lines, { level: 9 })),
    chunk("IEND", new Uint8Array())
  ])
}
