import { join } from "node:path"
import { defineConfig } from "vite"

/**
 * The console is built ahead, and what is built is committed: nobody needs a build to run a pipeline. Names are stable and
 * there is no map, so that it can be compared with what the sources build to.
 */
export default defineConfig({
  root: join(import.meta.dirname, "src/ops/console"),
  base: "./",
  logLevel: "warn",
  build: {
    outDir: "dist",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: false,
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    rolldownOptions: {
      output: { entryFileNames: "console.js", chunkFileNames: "[name].js", assetFileNames: "[name][extname]" }
    }
  }
})
