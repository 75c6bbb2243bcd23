/** Strokes on a grid of 16. Decoration only: what it says stands beside it, or is its button's name. */
const paths = {
  check: "M3 8.5l3.2 3.2L13 5",
  cross: "M4 4l8 8M12 4l-8 8",
  alert: "M8 2.5l6 10.5H2L8 2.5zM8 6.5v3M8 11.4v.1",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  play: "M5 3.2v9.6L12.5 8 5 3.2z",
  stop: "M4 4h8v8H4z",
  drain: "M8 3v7.5M4.8 7.5L8 10.7l3.2-3.2M3.5 13.2h9",
  unowned: "M6 6a2 2 0 113 1.7c-.7.4-1 .8-1 1.6M8 12v.1",
  held: "M8 2.5a5.5 5.5 0 100 11 5.5 5.5 0 000-11zM4.2 4.2l7.6 7.6",
  idle: "M7 8h2",
  search: "M7 2.8a4.2 4.2 0 100 8.4 4.2 4.2 0 000-8.4zM10.2 10.2l3.3 3.3",
  sun: "M8 5.2a2.8 2.8 0 100 5.6 2.8 2.8 0 000-5.6zM8 1.5v1.4M8 13.1v1.4M1.5 8h1.4M13.1 8h1.4M3.4 3.4l1 1M11.6 11.6l1 1M12.6 3.4l-1 1M4.4 11.6l-1 1",
  moon: "M13 9.6A5.6 5.6 0 016.4 3a5.4 5.4 0 106.6 6.6z",
  system: "M2.5 3.5h11v7h-11zM6 13h4M8 10.5V13",
  help: "M6 6a2 2 0 113 1.7c-.7.4-1 .8-1 1.6M8 12v.1",
  copy: "M5.5 5.5h7v7h-7zM3.5 10.5v-7h7",
  download: "M8 2.8v7M5 7l3 3 3-3M3 13h10",
  arrow: "M3 8h10M9.5 4.5L13 8l-3.5 3.5",
  clock: "M8 2.5a5.5 5.5 0 100 11 5.5 5.5 0 000-11zM8 5v3.2l2 1.3",
  retry: "M12.8 7A5 5 0 104 11.2M13 3.5V7H9.5",
  lock: "M4.5 7.5h7v5h-7zM6 7.5V5.2a2 2 0 014 0v2.3"
} as const

export type IconName = keyof typeof paths

export const Icon = ({ name }: { readonly name: IconName }) => (
  <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
    <path d={paths[name]} />
  </svg>
)
