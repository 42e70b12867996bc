/** What a person handed in cannot be used: a script, a recording or an option. Says so in one sentence. */
export class InputError extends Error {
  override readonly name = 'InputError';
}
