import { defineConfig } from 'vitest/config';

/**
 * The tests that mutants are run against: those of the kernel's floors and of the variants, the recordings, and a short
 * campaign on each subject. Long campaigns would find more, and take days.
 */
export default defineConfig({
  test: {
    dir: '.',
    include: [
      'test/{vfio,pci-core,iommufd,kernel,variant,e2e,faults}/**/*.test.ts',
      'test/golden.test.ts',
      'test/machine.test.ts',
      'test/mutation/campaign.test.ts',
      'variants/**/*.test.ts',
    ],
    typecheck: { enabled: false },
    testTimeout: 60_000,
  },
});
