import { defineConfig } from 'vitest/config'

/** Other BitTorrent clients and servers against ours. Most of the time everybody waits, so two files run at once. */
export default defineConfig({
  test: {
    include: ['tests/interop/**/*.test.ts'],
    maxWorkers: 2,
    testTimeout: 180_000,
    hookTimeout: 180_000,
    // Transmission 3.00 holds back blocks by timers of its own, libtorrent waits 11 s for its last one, too; on a machine with
    // other things to do it was once not done after three minutes. What had to be repeated is marked in the report.
    retry: 1,
    reporters: ['verbose'],
  },
})
