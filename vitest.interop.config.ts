import { defineConfig } from 'vitest/config'

/** Other BitTorrent clients against ours, over loopback: one case at a time, so that none waits for another's CPU. */
export default defineConfig({
  test: {
    include: ['tests/interop/**/*.test.ts'],
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 180_000,
    reporters: ['verbose'],
  },
})
