import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts', 'variants/**/*.test.ts'],
    typecheck: { enabled: false },
    testTimeout: 120_000,
  },
});
