// Writes a corpus to begin with: node seed-corpus.mjs corpus [variant] [how many]
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { seedsOf, subjectNamed } from 'vfiolab/fuzz';

const [folder = 'corpus', variant = 'mlx5', count = '200'] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
let number = 0;
for (const bytes of seedsOf(subjectNamed(variant), Number(count)))
  writeFileSync(join(folder, `${variant}-${++number}.bin`), bytes);
