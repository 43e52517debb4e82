/** What the command has to say beside its output: one line each, on stderr. */

/** For whoever watches. */
export function note(text: string): void {
  process.stderr.write(`sluice: ${text}\n`);
}

/** For what went wrong: always one line. */
export function complain(text: string): void {
  process.stderr.write(`sluice: ${text.trim().replace(/\s*\n\s*/g, ' ')}\n`);
}
