import { render } from "preact"
import "uplot/dist/uPlot.min.css"
import { App } from "./App.tsx"
import "./console.css"
import { start } from "./feed.ts"
import { listen } from "./keyboard.ts"

const place = document.getElementById("console")
if (place !== null) render(<App />, place)
listen()
start()
