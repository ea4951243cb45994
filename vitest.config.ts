import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    exclude: ['tests/interop/**', 'tests/siege/**', 'tests/slow/**'],
    testTimeout: 30_000,
    // Not a statement about the machine: setting up may mean to start a process or two.
    hookTimeout: 30_000,
    // A process for each file costs more than most files. What they share are modules, which hold no state.
    isolate: false,
    // By itself vitest leaves one core idle, which is half of two.
    maxWorkers: '100%',
    // The stories of real processes start them from source; without this each compiles all of it anew.
    env: { NODE_COMPILE_CACHE: fileURLToPath(new URL('node_modules/.cache/compile', import.meta.url)) },
  },
})
