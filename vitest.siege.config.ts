import { defineConfig } from 'vitest/config'

/** Attacks on the built program over real sockets. Most of the time somebody waits, so several files run at once. */
export default defineConfig({
  test: {
    // Where many share a machine, processes and their memory waver: there, only what fails twice has failed.
    retry: process.env['CI'] ? 1 : 0,
    include: ['tests/siege/**/*.test.ts'],
    maxWorkers: 3,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ['verbose'],
  },
})
