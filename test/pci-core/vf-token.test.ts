import { describe, expect, it } from 'vitest';
import {
  vfio_pci_core_match,
  vfio_pci_core_match_token_uuid,
  vfio_pci_core_sriov_configure,
} from '../../src/pci-core/index.ts';
import { Bench, E } from './bench.ts';

const TOKEN = '00112233-4455-6677-8899-aabbccddeeff';
const OTHER = '00112233-4455-6677-8899-aabbccddee00';

function withVf(bench: Bench) {
  const pf = bench.bind(bench.pdev('0000:01:00.0'));
  pf.pdev.sriovDriversAutoprobe = false;
  expect(bench.kernel.run(vfio_pci_core_sriov_configure(pf, 1))).toBe(1);
  const vf = bench.bind(pf.pdev.virtfns[0]!);
  return { pf, vf };
}

describe('device names with options', () => {
  // covers: GP06
  it('match exactly, up to the end or a space', () => {
    const bench = new Bench();
    const core = bench.bind(bench.pdev('0000:00:02.0'));
    expect(vfio_pci_core_match(core, '0000:00:02.0')).toBe(1);
    expect(vfio_pci_core_match(core, '0000:00:02.0   ')).toBe(1);
    expect(vfio_pci_core_match(core, '0000:00:02.1')).toBe(0);
    expect(vfio_pci_core_match(core, '0000:00:02.00')).toBe(0);
    expect(vfio_pci_core_match(core, `0000:00:02.0vf_token=${TOKEN}`)).toBe(0);
    expect(vfio_pci_core_match(core, '0000:00:02.0 x')).toBe(E.EINVAL);
    expect(vfio_pci_core_match(core, `0000:00:02.0 vf_token=${TOKEN}`)).toBe(E.EINVAL);
  });

  // covers: SR04
  it('are checked for syntax before the value of the token', () => {
    const bench = new Bench();
    const { vf } = withVf(bench);
    const name = vf.pdev.name;
    for (const bad of ['vf_token=', `vf_token=${TOKEN.replaceAll('-', '')}0000`, `vf_token=${TOKEN} vf_token=${TOKEN}`])
      expect(vfio_pci_core_match(vf, `${name} ${bad}`)).toBe(E.EINVAL);
    expect(vfio_pci_core_match(vf, name)).toBe(E.EACCES);
    expect(vfio_pci_core_match(vf, `${name}  vf_token=${OTHER} `)).toBe(E.EACCES);
  });
});

describe('VF tokens', () => {
  // covers: SR04 SR05
  it('set by the PF let VFs open, in either case of letters', () => {
    const bench = new Bench();
    const { pf, vf } = withVf(bench);
    expect(vfio_pci_core_match(pf, `${pf.pdev.name} vf_token=${TOKEN}`)).toBe(1);
    expect(vfio_pci_core_match(vf, `${vf.pdev.name} vf_token=${TOKEN.toUpperCase()}`)).toBe(1);
  });

  // covers: SR05 SR08
  it('guard the PF while a VF is open', () => {
    const bench = new Bench();
    const { pf, vf } = withVf(bench);
    const device = bench.openBound(vf);
    expect(vfio_pci_core_match(pf, pf.pdev.name)).toBe(E.EACCES);
    expect(vfio_pci_core_match_token_uuid(pf, new Uint8Array(16))).toBe(E.EACCES);
    expect(vfio_pci_core_match_token_uuid(pf, pf.vfToken!.uuid.slice())).toBe(0);
    device.close();
    expect(vfio_pci_core_match(pf, pf.pdev.name)).toBe(1);
  });

  // covers: SR04
  it('are refused for a VF of a PF that somebody else drives', () => {
    const bench = new Bench();
    const vf = bench.bind(bench.vf());
    expect(vfio_pci_core_match(vf, vf.pdev.name)).toBe(1);
    expect(vfio_pci_core_match(vf, `${vf.pdev.name} vf_token=${TOKEN}`)).toBe(E.EINVAL);
  });
});
