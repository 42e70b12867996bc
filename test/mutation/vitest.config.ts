import { defineConfig } from 'vitest/config';

/** The tests that mutants are run against: all that say something of the kernel's floors and of the variants, and are quick. */
export default defineConfig({
  test: {
    dir: '.',
    include: [
      'test/{vfio,pci-core,iommufd,kernel,variant,e2e,lab}/**/*.test.ts',
      'test/golden.test.ts',
      'test/machine.test.ts',
      'variants/**/*.test.ts',
    ],
    typecheck: { enabled: false },
    testTimeout: 60_000,
  },
});
