import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    exclude: ['tests/interop/**', 'tests/siege/**', 'tests/slow/**'],
    testTimeout: 30_000,
  },
})
