import { expect, test } from 'vitest';
import { kstrtobool } from '../../src/kernel/sysfs/kstrtobool.ts';

test.each(['y', 'Y\n', 'yes', 't', 'True', '1', '1x', 'on', 'oN', 'ON\n', 'e', 'Enable'])('%j is true', (text) => {
  expect(kstrtobool(text)).toBe(true);
});

test.each(['n', 'N\n', 'no', 'f', 'False', '0', '0x1', 'off', 'oF', 'd', 'Disable'])('%j is false', (text) => {
  expect(kstrtobool(text)).toBe(false);
});

test.each(['', '\n', ' 1', '2', 'o', 'o\n', '-1', 'x'])('%j is neither', (text) => {
  expect(kstrtobool(text)).toBeUndefined();
});
