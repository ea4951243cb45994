import { defineConfig } from 'vitest/config'

/** Suites that take minutes: many nodes, many seeds, large payloads. */
export default defineConfig({
  test: {
    // Where many share a machine, processes and their memory waver: there, only what fails twice has failed.
    retry: process.env['CI'] ? 1 : 0,
    include: ['tests/slow/**/*.test.ts'],
    testTimeout: 600_000,
    hookTimeout: 600_000,
  },
})
