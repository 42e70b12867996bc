/** Colours for people at a terminal; plain text into files, pipes and logs of continuous integration. */
import pc from 'picocolors';

/** The package colours where `CI` is set, even into a pipe; here only a terminal gets colours. */
export const colours = pc.createColors(process.stdout.isTTY === true && pc.isColorSupported);
