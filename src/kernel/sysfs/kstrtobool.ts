/** Truth values as the kernel's files take them (lib/kstrtox.c of Linux 7.3: kstrtobool): the first characters decide. */
const SPELLINGS: readonly (readonly [RegExp, boolean])[] = [
  [/^([eEyYtT1]|[oO][nN])/, true],
  [/^([dDnNfF0]|[oO][fF])/, false],
];

/** The value, or undefined where the kernel answers EINVAL. */
export function kstrtobool(text: string): boolean | undefined {
  return SPELLINGS.find(([pattern]) => pattern.test(text))?.[1];
}
