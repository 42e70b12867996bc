/** What a test or a machine may choose about the model. Data only: two machines never share state through it. */

/** What the card says it can do. Names as in include/linux/mlx5/mlx5_ifc.h. */
export interface Capabilities {
  readonly migration: boolean;
  readonly migratable: boolean;
  readonly migration_multi_load: boolean;
  readonly migration_tracking_state: boolean;
  readonly migration_in_chunks: boolean;
  readonly migration_state: boolean;
  readonly adv_virtualization: boolean;
}

/** How many of each object the firmware can hold, all owners together. */
export interface Limits {
  readonly pd: number;
  readonly mkey: number;
  readonly cq: number;
  readonly qp: number;
  readonly tracker: number;
  /** Tracking contexts of SAVE_VHCA_STATE with set_track. */
  readonly savesTracked: number;
}

/** What can be chosen about the card. */
export interface ModelOptions {
  /** Device memory of one VF in bytes: a multiple of 4096, at most 256 MiB. */
  readonly icmBytes?: number;
  /** Virtual nanoseconds from the doorbell of SAVE_VHCA_STATE to its completion. */
  readonly saveDelay?: number;
  /** Virtual nanoseconds from a job's descriptor being fetched to its completion. */
  readonly jobDelay?: number;
  /** Virtual nanoseconds before the page tracker's first message; 0: sent before MODIFY completes. */
  readonly reportDelay?: number;
  /** Dirty pages that the page tracker puts into one message, at most; none said: as many as fit. */
  readonly reportPages?: number;
  /** log2 of the longest message of a page tracker, in bytes: 12 to 20. */
  readonly logMaxMessage?: number;
  readonly capabilities?: Partial<Capabilities>;
  readonly limits?: Partial<Limits>;
  /** Fault injection: the status with which this command fails instead of being executed. */
  readonly failNext?: (opcode: number) => number | undefined;
}

/** Options with every choice made. */
export interface Settings {
  readonly icmBytes: number;
  readonly saveDelay: number;
  readonly jobDelay: number;
  readonly reportDelay: number;
  readonly reportPages: number;
  readonly logMaxMessage: number;
  readonly capabilities: Capabilities;
  readonly limits: Limits;
  readonly failNext: ((opcode: number) => number | undefined) | undefined;
}

const CAPABILITIES: Capabilities = {
  migration: true,
  migratable: true,
  migration_multi_load: true,
  migration_tracking_state: true,
  migration_in_chunks: true,
  migration_state: true,
  adv_virtualization: true,
};

const LIMITS: Limits = { pd: 64, mkey: 256, cq: 64, qp: 128, tracker: 8, savesTracked: 16 };

export function settle(options: ModelOptions): Settings {
  const icmBytes = options.icmBytes ?? 0x1_0000;
  if (icmBytes % 4096 !== 0 || icmBytes <= 0 || icmBytes > 0x1000_0000)
    throw new Error('icmBytes: whole pages, 256 MiB');
  return {
    icmBytes,
    saveDelay: options.saveDelay ?? 10_000,
    jobDelay: options.jobDelay ?? 200,
    reportDelay: options.reportDelay ?? 0,
    reportPages: options.reportPages ?? Number.POSITIVE_INFINITY,
    logMaxMessage: options.logMaxMessage ?? 16,
    capabilities: { ...CAPABILITIES, ...options.capabilities },
    limits: { ...LIMITS, ...options.limits },
    failNext: options.failNext,
  };
}
