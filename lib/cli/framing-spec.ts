/** `--framing lines`, `--framing length:4be`: the framings of the library as one word, as each says it is named. */
import { Buffer } from 'node:buffer';
import { InvalidArgValueError } from '../errors.js';
import { type Framing, framingKinds } from '../net/framing/framing.js';
import '../net/framing/index.js'; // enters them

const NAME_WIDTH = 20;

const help = framingKinds().flatMap(({ forms }) =>
  forms.flatMap(({ usage, help: [first = '', ...more] }) => [
    usage.length < NAME_WIDTH
      ? usage.padEnd(NAME_WIDTH) + first
      : `${usage}\n  ${' '.repeat(NAME_WIDTH)}${first}`,
    ...more.map((line) => ' '.repeat(NAME_WIDTH) + line),
  ]),
);

export const FRAMING_HELP = `\
${help.map((line) => `  ${line}`).join('\n')}
In BYTES, \\n \\r \\t \\0 \\\\ and \\xHH stand for the byte they usually do.`;

export function parseFraming(text: string): Framing {
  const colon = text.indexOf(':');
  const name = colon === -1 ? text : text.slice(0, colon);
  const detail = colon === -1 ? undefined : text.slice(colon + 1);
  for (const kind of framingKinds()) {
    const framing = kind.parse(name, detail, (escaped) => parseBytes('--framing', escaped));
    if (framing !== undefined) return framing;
  }
  const usages = framingKinds().flatMap(({ forms }) => forms.map(({ usage }) => usage));
  throw new InvalidArgValueError(
    '--framing',
    `must be ${usages.slice(0, -1).join(', ')} or ${usages.at(-1)}`,
    text,
  );
}

const escapes: Readonly<Record<string, string>> = Object.freeze({
  n: '\n',
  r: '\r',
  t: '\t',
  0: '\0',
  '\\': '\\',
});

/** The bytes that `text` stands for: UTF-8, with escapes for what a shell makes hard to type. */
export function parseBytes(option: string, text: string): Buffer {
  const parts: Buffer[] = [];
  for (const [part] of text.matchAll(/\\x[\da-f]{2}|\\.?|[^\\]+/gis)) {
    if (part[0] !== '\\') parts.push(Buffer.from(part));
    else if (part.length === 4) parts.push(Buffer.from([Number.parseInt(part.slice(2), 16)]));
    else {
      const meant = escapes[part.slice(1)];
      if (meant === undefined) {
        throw new InvalidArgValueError(
          option,
          'has an unknown escape (known: \\n \\r \\t \\0 \\\\ \\xHH)',
          text,
        );
      }
      parts.push(Buffer.from(meant));
    }
  }
  return Buffer.concat(parts);
}
