import { computed, signal } from "@preact/signals"
import { remembered } from "./remembered.ts"

const chosen = remembered("local", "millrace.theme", "system")

const dark = matchMedia("(prefers-color-scheme: dark)")
const isSystemDark = signal(dark.matches)
dark.addEventListener("change", ({ matches }) => {
  isSystemDark.value = matches
})

/** What is seen: the choice, or what the system wants. */
export const theme = computed(() =>
  chosen.value === "system" ? (isSystemDark.value ? "dark" : "light") : chosen.value
)

export const choice = computed(() => chosen.value)

chosen.subscribe((name) => {
  document.documentElement.dataset["theme"] = name
})

/** The system's, light, dark, and again. */
export const nextTheme = (): void => {
  chosen.value =
    chosen.value === "system"
      ? theme.value === "dark"
        ? "light"
        : "dark"
      : chosen.value === "light"
        ? "dark"
        : "system"
}
