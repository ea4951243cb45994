import { defineConfig } from 'vitest/config'

/** Other BitTorrent clients and servers against ours. Most of the time everybody waits, so two files run at once. */
export default defineConfig({
  test: {
    include: ['tests/interop/**/*.test.ts'],
    maxWorkers: 2,
    testTimeout: 180_000,
    hookTimeout: 180_000,
    reporters: ['verbose'],
  },
})
