import { beforeAll, expect, test } from 'vitest';
import { cliBatch, type Run } from './cli.ts';

let runs: Record<'list' | 'listed' | 'dossier' | 'text' | 'page', Run>;
beforeAll(async () => {
  runs = await cliBatch({
    list: ['list', '--json'],
    listed: ['list'],
    dossier: ['describe', 'mlx5', '--json'],
    text: ['describe', 'mlx5'],
    page: ['describe', 'mlx5', '--markdown'],
  });
}, 60_000);

test('every one of them ends well and says nothing on standard error', () => {
  for (const { code, err } of Object.values(runs)) expect({ code, err }).toEqual({ code: 0, err: '' });
});

test('list has variants, properties and machines, each with a summary', () => {
  const lists = JSON.parse(runs.list.out) as Record<string, { name: string; summary: string }[]>;
  expect(Object.keys(lists)).toEqual(['variants', 'properties', 'machines']);
  const names = Object.values(lists)
    .flat()
    .map(({ name }) => name);
  for (const name of ['mlx5', 'mtty', 'noninterference', 'recorded']) expect(names).toContain(name);
  for (const { summary } of Object.values(lists).flat()) expect(summary).not.toBe('');
  for (const name of names) expect(runs.listed.out).toContain(`  ${name} `);
});

test('describe tells driver, interactions, stream and safeguards, in three forms', () => {
  const dossier = JSON.parse(runs.dossier.out) as Record<string, unknown>;
  expect(JSON.stringify(dossier)).toContain('mlx5-vfio-pci');
  for (const { out } of [runs.dossier, runs.text, runs.page])
    for (const word of ['STOP_COPY_SIZE', 'RECORD_SIZE_LIMIT', 'suspend']) expect(out).toContain(word);
  expect(runs.page.out).toMatch(/^# /);
});
