/** /sys/module/NAME/parameters (kernel/params.c of Linux 7.3). */
import { ERRNO } from '../../uapi/errno.ts';
import { kstrtobool } from './kstrtobool.ts';
import { type Directory, directory, type Node } from './node.ts';

/** The directory of a module whose parameters are truth values: all can be read, those of `writable` also set. */
export function moduleDirectory<K extends string>(
  values: Record<K, boolean>,
  shown: readonly K[],
  writable: readonly K[],
): Directory {
  const entries = shown.map((name) => [name, () => parameter(values, name, writable.includes(name))] as const);
  return directory({ parameters: () => directory(Object.fromEntries(entries)) });
}

function parameter<K extends string>(values: Record<K, boolean>, name: K, writable: boolean): Node {
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
