// Every example in README.md, docs/ and the `@example`s of doc comments is type-checked, strictly, and run.
//
// How to write one that passes:
//  - Write what a user would write: a few lines of TypeScript or JavaScript that end by themselves. `await` works anywhere.
//  - Names that sluice exports need no import. Neither do `server` (a Listener for lines, to which a client sends
//    "hello", "# remark" and "world"), `peer` (a connection to an echo), `connection`, `ctx` and `signal`
//    (test/support/docs-stage.ts has them all, and takes more). Anything else is declared or imported in the example.
//  - Addresses may be written as in life: `tcp://0.0.0.0:7000` is put on a free loopback port, a client sends each listener
//    three lines, a `connect` to nobody gets an echo. All of them are closed in the end, so a loop over batches may be endless.
//  - `// prints: 3` behind a console.log is compared with what is printed: all such lines of an example, in order.
//  - What can not run has `// not run: the reason` as its first line (in Markdown also `<!-- not run: the reason -->` before
//    the fence) and is type-checked only; `not checked: the reason` spares it that too. `file: tasks.ts` makes it a module
//    that the later examples of the same document import as './tasks.js'.
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { entries, specifierOf } from '../scripts/entries.mjs';
import {
  collectExamples,
  type Example,
  moduleOf,
  promisedOutput,
  type Surroundings,
} from './support/doc-examples.js';
import type { Outcome } from './support/docs-run.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const build = join(root, 'build', 'examples');
const support = ['docs-run.ts', 'docs-sluice.ts', 'docs-stage.ts'];

const examples = collectExamples(root);
const checked = examples.filter((example) => example.notChecked === undefined);

const nameOf = (example: Example): string => `${example.document}:${example.line}`;
const folderOf = (example: Example): string => join(build, 'src', example.document.replaceAll(/[/.]/g, '-'));
const sourceOf = (example: Example): string =>
  join(folderOf(example), example.fileName ?? `line-${example.line}.ts`);

rmSync(build, { recursive: true, force: true });
for (const name of support) {
  mkdirSync(join(build, 'src'), { recursive: true });
  writeFileSync(join(build, 'src', name), readFileSync(join(root, 'test', 'support', name)));
}

const { options } = ts.parseJsonConfigFileContent(
  ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile).config,
  ts.sys,
  root,
);
const compilerOptions: ts.CompilerOptions = {
  ...options,
  noEmit: false,
  rootDir: join(build, 'src'),
  outDir: join(build, 'out'),
  noUnusedLocals: false,
  noUnusedParameters: false,
  verbatimModuleSyntax: false,
};

function surroundings(): Surroundings {
  const modules = new Map(
    Object.entries(entries).map(([entry, module]) => [
      specifierOf(entry),
      join(root, 'dist', `${module}.d.ts`),
    ]),
  );
  const stage = join(build, 'src', 'docs-stage.ts');
  const program = ts.createProgram([...modules.values(), stage].filter(ts.sys.fileExists), compilerOptions);
  const checker = program.getTypeChecker();
  const exported = (path: string): ts.Symbol[] => {
    const source = program.getSourceFile(path);
    const symbol = source === undefined ? undefined : checker.getSymbolAtLocation(source);
    return symbol === undefined ? [] : checker.getExportsOfModule(symbol);
  };
  const stageClass = exported(stage).find((symbol) => symbol.name === 'Stage')!;
  const members = checker.getDeclaredTypeOfSymbol(stageClass).getProperties();
  return {
    exports: new Map([...modules].map(([name, path]) => [name, new Set(exported(path).map((s) => s.name))])),
    stage: new Set(members.map((member) => member.name)),
    stageModule: '../docs-stage.js',
  };
}

const around = surroundings();
const firstLines = new Map<string, number>();
for (const example of checked) {
  const { text, firstLine } = moduleOf(example, around);
  mkdirSync(folderOf(example), { recursive: true });
  writeFileSync(sourceOf(example), text);
  firstLines.set(sourceOf(example), firstLine);
}

const program = ts.createProgram(
  [...checked.map(sourceOf), ...support.map((name) => join(build, 'src', name))],
  compilerOptions,
);
const diagnostics = ts.getPreEmitDiagnostics(program);
program.emit(undefined, (path, text) => {
  const up = relative(dirname(path), join(build, 'out', 'docs-sluice.js'))
    .split(sep)
    .join('/');
  const traced = path.endsWith('docs-sluice.js')
    ? text
    : text.replaceAll(/(from\s+)(['"])sluice\2/g, `$1'${up.startsWith('.') ? up : `./${up}`}'`);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, traced);
});
const emitted = (example: Example): string =>
  join(build, 'out', relative(join(build, 'src'), sourceOf(example))).replace(/\.ts$/, '.js');

function problemsOf(example: Example): string[] {
  const path = sourceOf(example);
  return diagnostics
    .filter((diagnostic) => diagnostic.file?.fileName === path.split(sep).join('/'))
    .map((diagnostic) => {
      const { line } = diagnostic.file!.getLineAndCharacterOfPosition(diagnostic.start ?? 0);
      const at = example.line + Math.max(0, line - firstLines.get(path)!);
      return `${example.document}:${at}: ${ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n')}`;
    });
}

async function run(these: readonly Example[]): Promise<Outcome[]> {
  const program = join(build, 'out', 'docs-run.js');
  const { stdout } = await promisify(execFile)(process.execPath, [program, ...these.map(emitted)], {
    cwd: build,
  });
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Outcome);
}

it('finds the examples', () => {
  expect(examples.filter(({ document }) => document === 'README.md')).not.toEqual([]);
  expect(examples.filter(({ document }) => document.startsWith('lib'))).not.toEqual([]);
  expect(diagnostics.filter(({ file }) => support.some((name) => file?.fileName.endsWith(name)))).toEqual([]);
});

describe.each([...new Set(examples.map(({ document }) => document))])('%s', (document) => {
  const own = examples.filter((example) => example.document === document);
  const running = own.filter(
    ({ notRun, notChecked, fileName }) =>
      notRun === undefined && notChecked === undefined && fileName === undefined,
  );
  let outcomes: Promise<Outcome[]> | undefined;
  it.each(own.map((example) => [nameOf(example), example] as const))('%s', async (_, example) => {
    if (example.notChecked !== undefined) return;
    expect(problemsOf(example)).toEqual([]);
    if (!running.includes(example)) return;
    outcomes ??= run(running);
    const outcome = (await outcomes)[running.indexOf(example)];
    expect(outcome?.error, `printed:\n${outcome?.printed.join('\n')}`).toBeUndefined();
    const promised = promisedOutput(example);
    if (promised.length > 0) expect(outcome?.printed.join('\n').split('\n')).toEqual(promised);
  });
});
