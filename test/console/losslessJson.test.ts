import { expect, test } from "vitest"
import { diff } from "../../src/ops/console/jsonDiff.ts"
import { parse, pretty } from "../../src/ops/console/losslessJson.ts"

test("numbers stay as they are written", () => {
  const text = `{"big":9007199254740993,"tiny":1e-400,"money":1.10,"minus":-0,"list":[1,2.50]}`
  expect(pretty(text).replaceAll(/\s/g, "")).toBe(text)
})

test("what JSON.parse takes is shown with the same meaning, what it refuses is shown as it is", () => {
  const taken = [
    `{}`,
    `[]`,
    `""`,
    `null`,
    ` [ {"a" : [ ] , "b":{}} , "]}" ] `,
    `{"\\u0041\\"":"\\\\"}`,
    `[1,[2,[3]],{"x":[{"y":null}]}]`,
    `-12.5e+3`
  ]
  for (const text of taken) expect(JSON.parse(pretty(text)), text).toEqual(JSON.parse(text))
  for (const text of [``, `{`, `{"a"}`, `{"a":1,}`, `[1,]`, `[1 2]`, `{a:1}`, `tru`, `1 1`, `"`, `{"a":1}}`]) {
    expect(parse(text), text).toBeUndefined()
    expect(pretty(text)).toBe(text)
  }
})

test("a million bytes and five hundred levels are no reason to stand still", () => {
  const big = JSON.stringify(Array.from({ length: 20_000 }, (_, id) => ({ id, text: "x".repeat(30) })))
  const begin = performance.now()
  expect(pretty(big).split("\n").length).toBe(20_000 * 4 + 2)
  expect(performance.now() - begin).toBeLessThan(2_000)
  expect(parse("[".repeat(100_000))).toBeUndefined()
})

test("a difference names what goes and what comes, whatever the order of the keys", () => {
  const lines = diff(`{"b":1,"a":{"x":"old"},"gone":true}`, `{"a":{"x":"new"},"b":1}`)
  expect(lines.filter(({ sign }) => sign === "-").map(({ text }) => text.trim())).toEqual([
    `"x": "old"`,
    `"b": 1,`,
    `"gone": true`
  ])
  expect(lines.filter(({ sign }) => sign === "+").map(({ text }) => text.trim())).toEqual([`"x": "new"`, `"b": 1`])
  const after = lines.filter(({ sign }) => sign !== "-").map(({ text }) => text)
  expect(JSON.parse(after.join("\n"))).toEqual({ a: { x: "new" }, b: 1 })
  expect(diff("{}", "{}").every(({ sign }) => sign === " ")).toBe(true)
})
