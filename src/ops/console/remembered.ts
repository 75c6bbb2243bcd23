import { signal, type Signal } from "@preact/signals"

// A browser may refuse storage altogether; then it is remembered for as long as the page lives.
const safely = <A>(use: () => A): Promise<A | undefined> =>
  Promise.resolve()
    .then(use, () => undefined)
    .catch(() => undefined)

const read = (storage: () => Storage, name: string): string => Reflect.get(storage(), name) ?? ""

/** A text that is remembered by this browser (`local`) or by this tab (`session`). */
export const remembered = (kind: "local" | "session", name: string, otherwise = ""): Signal<string> => {
  const storage = () => (kind === "local" ? localStorage : sessionStorage)
  const isOpen = navigator.cookieEnabled
  const value = signal((isOpen ? read(storage, name) : "") || otherwise)
  value.subscribe((text) => {
    if (isOpen) void safely(() => storage().setItem(name, text))
  })
  return value
}
