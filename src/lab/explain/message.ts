/** Messages of violations as people read them. */

/** The message without the bytes of both runs at its end: those are drawn. */
export const messageOf = ({ message }: { readonly message: string }): string =>
  message.replace(/: (?:[0-9a-f]+(?:\.\.\.)?|nothing) or (?:[0-9a-f]+(?:\.\.\.)?|nothing)$/, '');
