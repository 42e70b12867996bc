/** /sys/module/NAME/parameters (kernel/params.c of Linux 7.3). */
import { ERRNO } from '../../uapi/errno.ts';
import { kstrtobool } from './kstrtobool.ts';
import { parseUnsigned } from './kstrtouint.ts';
import { type Directory, directory, type Node } from './node.ts';

/** The directory of a module with its parameters. */
export function moduleDirectory(parameters: Readonly<Record<string, () => Node>>): Directory {
  return directory({ parameters: () => directory(parameters) });
}

/** Parameters that are truth values: all can be read, those of `writable` (mode 0644) also set. */
export function truthValues<K extends string>(
  values: Record<K, boolean>,
  shown: readonly K[],
  writable: readonly K[],
): Record<K, () => Node> {
  const entries = shown.map((name) => [name, () => truthValue(values, name, writable.includes(name))] as const);
  return Object.fromEntries(entries) as Record<K, () => Node>;
}

/** One truth value (param_ops_bool). */
export function truthValue<K extends string>(values: Record<K, boolean>, name: K, writable = true): Node {
  const show = (): string => (values[name] ? 'Y\n' : 'N\n');
  if (!writable) return { kind: 'attribute', show };
  return {
    kind: 'attribute',
    show,
    store(text) {
      const wanted = kstrtobool(text);
      if (wanted === undefined) return -ERRNO.EINVAL;
      values[name] = wanted;
      return 0;
    },
  };
}

/** One number of 32 bits (param_ops_uint). */
export function unsignedNumber<K extends string>(values: Record<K, number>, name: K): Node {
  return {
    kind: 'attribute',
    show: () => `${values[name]}\n`,
    store(text) {
      const wanted = parseUnsigned(text);
      if (wanted === undefined) return -ERRNO.EINVAL;
      if (wanted > 0xffff_ffff) return -ERRNO.ERANGE;
      values[name] = wanted;
      return 0;
    },
  };
}
