/** Registers of a 16550-like port, under the names of include/uapi/linux/serial_reg.h. */

/** Bytes of I/O space of a port, and of its FIFO. */
export const PORT_BYTES = 8;
export const FIFO = 16;

export const REG = { DATA: 0, IER: 1, FCR: 2, LCR: 3, MCR: 4, LSR: 5, MSR: 6, SCRATCH: 7 } as const;
/** Interrupts asked for: data received, transmitter empty, an error on the line, the modem. */
export const IER = { RDI: 0x01, THRI: 0x02, RLSI: 0x04, MSI: 0x08 } as const;
export const FCR = { ENABLE: 0x01, CLEAR: 0x06 } as const;
export const LCR = { DLAB: 0x80 } as const;
export const MCR = { DTR: 0x01, RTS: 0x02, OUT2: 0x08 } as const;
export const LSR = { DATA_READY: 0x01, OVERRUN: 0x02, EMPTY: 0x60 } as const;
/** Nothing pending; both FIFO bits as long as it is enabled. */
export const IIR = { NONE: 0x01, FIFO: 0xc0 } as const;
