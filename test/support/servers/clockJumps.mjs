// Loaded before the app (`node --import`): its wall clock jumps back and forth by ten minutes every second or so. The
// monotonic clock goes on, as it does when somebody sets the time of a machine.
const real = Date.now
const jumpMs = 10 * 60_000
let offsetMs = 0
const jump = () => {
  offsetMs = [-jumpMs, 0, jumpMs][Math.floor(Math.random() * 3)]
}
setInterval(jump, 1_100).unref()
globalThis.Date = class extends Date {
  constructor(...given) {
    if (given.length === 0) super(real() + offsetMs)
    else super(...given)
  }
  static now() {
    return real() + offsetMs
  }
}
