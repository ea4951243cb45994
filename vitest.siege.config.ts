import { defineConfig } from 'vitest/config'

/** Attacks on the built program over real sockets. Most of the time somebody waits, so several files run at once. */
export default defineConfig({
  test: {
    include: ['tests/siege/**/*.test.ts'],
    maxWorkers: 3,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ['verbose'],
  },
})
