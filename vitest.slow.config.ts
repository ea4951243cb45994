import { defineConfig } from 'vitest/config'

/** Suites that take minutes: many nodes, many seeds, large payloads. */
export default defineConfig({
  test: {
    include: ['tests/slow/**/*.test.ts'],
    testTimeout: 600_000,
    hookTimeout: 600_000,
  },
})
