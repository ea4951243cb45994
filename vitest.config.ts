import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    exclude: ['tests/interop/**', 'tests/siege/**', 'tests/slow/**'],
    // What hangs is found, and no verdict hangs on how busy the machine is.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // A process for each file costs more than most files. What they share are modules, which hold no state.
    isolate: false,
    // By itself vitest leaves one core idle, which is half of two.
    maxWorkers: '100%',
    // The stories of real processes start them from source; without this each compiles all of it anew.
    env: { NODE_COMPILE_CACHE: fileURLToPath(new URL('node_modules/.cache/compile', import.meta.url)) },
  },
})
