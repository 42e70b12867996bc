/** kstrtouint of lib/kstrtox.c: decimal, 0x hex or 0 octal, one trailing newline allowed; undefined: EINVAL. */
export function parseUnsigned(text: string): number | undefined {
  const word = text.endsWith('\n') ? text.slice(0, -1) : text;
  if (/^0x[0-9a-f]+$/i.test(word)) return Number.parseInt(word, 16);
  if (/^0[0-7]*$/.test(word)) return Number.parseInt(word, 8);
  return /^[1-9][0-9]*$/.test(word) ? Number.parseInt(word, 10) : undefined;
}
