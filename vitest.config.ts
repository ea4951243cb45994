import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    // Where many share a machine, processes and their memory waver: there, only what fails twice has failed.
    retry: process.env['CI'] ? 1 : 0,
    include: ['tests/**/*.test.ts'],
    exclude: ['tests/interop/**', 'tests/siege/**', 'tests/slow/**'],
    testTimeout: 30_000,
  },
})
