/** What rules an answer: the fact in one sentence, and where it can be looked up. */
export interface Rule {
  /** Section of the fact sheets about Linux 7.3: sheet, number, title. */
  readonly section: string;
  /** The kernel's `file: function`. */
  readonly source: string;
  readonly rule: string;
}

/** One row of a table of rules. */
export function rule(section: string, source: string, sentence: string): Rule {
  return { section, source, rule: sentence };
}
