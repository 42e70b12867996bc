/** What a person sees of a counterexample. */
import { describe, expect, test } from 'vitest';
import { ASCII, plainCanvas, UNICODE } from '../../../src/lab/explain/canvas.ts';
import { draw } from '../../../src/lab/explain/draw.ts';
import { EXAMPLES, type Example, explained } from './examples.ts';

const drawn = (id: Example, width = 100): string => draw(explained(id), plainCanvas(width));
const IDS = Object.keys(EXAMPLES) as Example[];

describe.each([100, 80, 64, 48])('on %i columns', (width) => {
  test.each(IDS)('%s fits, and says what breaks where', (id) => {
    const text = drawn(id, width);
    const { violation, rule } = explained(id);
    const widest = Math.max(...text.split('\n').map((line) => line.length));
    expect(widest).toBeLessThanOrEqual(width);
    expect(text).toMatch(/^> +[0-9]+ {2}[ABH] {2}|^> +the end/m);
    expect(text).toContain(' X ');
    expect(text.replaceAll(/\s+/g, ' ')).toContain(`violated ${violation!.property}: `);
    expect(text.replaceAll(/\s+/g, ' ')).toContain(`The rule: ${rule.promise}`);
  });
});

test('lanes stand side by side, and an arrow goes from who asks to who is asked', () => {
  const lines = drawn('HISI-09').split('\n');
  expect(lines[0]).toBe('       A      VFIO  variant  parent  device    B');
  const start = lines.findIndex((line) => line.includes('suspend(vhcaId: 0x20, opMod: 0) = 0'));
  expect(lines[start]).toBe('       |       |       o------->       |       |     suspend(vhcaId: 0x20, opMod: 0) = 0');
  expect(lines[start + 1]).toBe('       |       |       |       o------->       |     vf0: suspend initiator');
});

test('what tenant B asks goes the other way', () => {
  expect(drawn('SCOPE-01')).toMatch(/^ {7}\| {7}<-{31}o {5}ioctl DEVICE_FEATURE/m);
});

test('the same drawing has lines and arrows where they can be shown', () => {
  const [plain, nice] = [ASCII, UNICODE].map((glyphs) => draw(explained('HISI-09'), plainCanvas(100, glyphs)));
  expect(nice).toContain('●───────▶');
  expect(nice!.split('\n').map((line) => line.length)).toEqual(plain!.split('\n').map((line) => line.length));
});

test('both runs stand side by side where they first differ, with a letter under each byte', () => {
  const lines = drawn('T1-03').split('\n');
  const row = lines.findIndex((line) => line.includes('5a 5a 5a 5a'));
  expect(lines[row]).toBe('  0x0020  00 00 00 00 5a 5a 5a 5a  !  00 00 00 00 a5 a5 a5 a5');
  expect(lines[row + 1]).toBe('           -  -  -  -  k  k  k  k      -  -  -  -  k  k  k  k');
  expect(lines.join('\n')).toContain('k memory the kernel did not clear');
  expect(lines.join('\n')).toContain('in step 1, in what tenant A observes: IOMMU_GET_INFO: 256 bytes');
});

test('on a terminal with colours the letters are not needed', () => {
  const canvas = { ...plainCanvas(), coloured: true };
  const yellow = (text: string): string => `<${text}>`;
  const text = draw(explained('T1-03'), { ...canvas, paint: { ...canvas.paint, yellow } });
  expect(text).toContain('00 00 00 00 <5a> <5a> <5a> <5a>  !  00 00 00 00 <a5> <a5> <a5> <a5>');
  expect(text).not.toMatch(/^ +k {2}k/m);
});

test('repetitions are counted, and a long step shows its beginning and what is around the place that matters', () => {
  const text = drawn('HISI-02');
  expect(text).toMatch(/\.\.\. [0-9]+ more (?:of read|events)/);
  expect(text.split('\n').length).toBeLessThan(50);
  const full = draw(explained('HISI-02'), { ...plainCanvas(), full: true });
  expect(full).not.toMatch(/\.\.\. [0-9]+ more/);
  expect(full.split('\n').length).toBeGreaterThan(text.split('\n').length);
});

test('a machine that is not plain is said to be so', () => {
  const { setting, ...rest } = explained('HISI-09');
  expect(setting).toBe('');
  expect(draw({ ...rest, setting: 'way: cdev with iommufd' }, plainCanvas())).toMatch(
    /^Machine: way: cdev with iommufd\n/,
  );
});
