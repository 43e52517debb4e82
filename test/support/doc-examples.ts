// Finds the examples in README, docs/ and doc comments, and makes modules of them. What an example may rely on is said in
// test/900-docs.test.ts.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

export interface Example {
  /** Where it stands: `docs/guides/sockets.md`. */
  document: string;
  /** Line of the document on which the code begins, from 1. */
  line: number;
  code: string;
  /** Why it is only type-checked, or not even that. */
  notRun?: string;
  notChecked?: string;
  /** `file: name`: the module that the document's other examples import under this name. */
  fileName?: string;
}

const MARK = /^(not run|not checked|file): *(.+?)$/;

function marked(example: Example, mark: string | undefined): Example {
  const [, kind, text] = MARK.exec(mark ?? '') ?? [];
  if (kind === 'not run') example.notRun = text!;
  else if (kind === 'not checked') example.notChecked = text!;
  else if (kind === 'file') example.fileName = text!;
  return example;
}

/** The mark may also be the code's first line, as a comment. */
function exampleOf(document: string, line: number, code: string, mark?: string): Example {
  const first = /^\/\/ *(.*)/.exec(code.trimStart())?.[1];
  return marked({ document, line, code }, mark ?? first);
}

function ofMarkdown(document: string, text: string): Example[] {
  const lines = text.split('\n');
  const found: Example[] = [];
  for (let i = 0; i < lines.length; i++) {
    const fence = /^( *)(```+|~~~+) *([\w-]*)/.exec(lines[i]!);
    if (fence === null) continue;
    const [, indent, ticks, language] = fence;
    const begin = i + 1;
    for (i++; i < lines.length && lines[i]!.trim() !== ticks; i++);
    if (!['js', 'mjs', 'javascript', 'ts', 'mts', 'typescript'].includes(language!)) continue;
    const code = lines.slice(begin, i).map((line) => line.slice(indent!.length));
    const before = lines
      .slice(0, begin - 1)
      .join('\n')
      .trimEnd()
      .split('\n')
      .at(-1)!;
    found.push(
      exampleOf(document, begin + 1, code.join('\n'), /^ *<!-- *(.*?) *-->$/.exec(before)?.[1]?.trim()),
    );
  }
  return found;
}

/** `@example` sections of doc comments: everything up to the next tag, with or without a fence around it. */
function ofSource(document: string, text: string): Example[] {
  const found: Example[] = [];
  for (const comment of text.matchAll(/\/\*\*[\s\S]*?\*\//g)) {
    const first = text.slice(0, comment.index).split('\n').length;
    const lines = comment[0]
      .replace(/\s*\*\/$/, '')
      .split('\n')
      .map((line) => line.replace(/^\s*(\/\*\*|\*) ?/, ''));
    for (let i = 0; i < lines.length; i++) {
      if (!/^@example\b/.test(lines[i]!)) continue;
      const begin = i + 1;
      for (i++; i < lines.length && !/^@\w/.test(lines[i]!); i++);
      const section = lines.slice(begin, i).join('\n');
      const fenced = ofMarkdown(document, section);
      if (fenced.length === 0) found.push(exampleOf(document, first + begin, section));
      for (const example of fenced)
        found.push({ ...example, document, line: first + begin + example.line - 1 });
      i--;
    }
  }
  return found;
}

function filesBelow(root: string, folder: string, ending: string): string[] {
  return (readdirSync(join(root, folder), { recursive: true }) as string[])
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name))
    .sort();
}

/** All examples of the repository at `root`. */
export function collectExamples(root: string): Example[] {
  const read = (name: string): string => readFileSync(join(root, name), 'utf8');
  const pages = ['README.md', ...filesBelow(root, 'docs', '.md')];
  return [
    ...pages.flatMap((name) => ofMarkdown(name, read(name))),
    ...filesBelow(root, 'lib', '.ts').flatMap((name) => ofSource(name, read(name))),
  ];
}

interface Names {
  used: Set<string>;
  declared: Set<string>;
  imported: Set<string>;
  exports: boolean;
}

function namesIn(source: ts.SourceFile): Names {
  const names: Names = { used: new Set(), declared: new Set(), imported: new Set(), exports: false };
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) {
      const { parent } = node;
      const isKey =
        (ts.isPropertyAccessExpression(parent) && parent.name === node) ||
        (ts.isPropertyAssignment(parent) && parent.name === node);
      if (!isKey) names.used.add(node.text);
    }
    const named = node as { name?: ts.Node };
    const declares =
      ts.isVariableDeclaration(node) ||
      ts.isParameter(node) ||
      ts.isBindingElement(node) ||
      ts.isFunctionDeclaration(node) ||
      ts.isClassDeclaration(node) ||
      ts.isInterfaceDeclaration(node) ||
      ts.isTypeAliasDeclaration(node);
    if (declares && named.name !== undefined && ts.isIdentifier(named.name))
      names.declared.add(named.name.text);
    if ((ts.isImportSpecifier(node) || ts.isImportClause(node) || ts.isNamespaceImport(node)) && node.name) {
      names.imported.add(node.name.text);
    }
    if (
      ts.isExportDeclaration(node) ||
      ts.isExportAssignment(node) ||
      (ts.canHaveModifiers(node) &&
        ts.getModifiers(node)?.some((modifier) => modifier.kind === ts.SyntaxKind.ExportKeyword))
    ) {
      names.exports = true;
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return names;
}

/** What an example may use without saying where it comes from. */
export interface Surroundings {
  /** Exported names by module: `sluice`, `sluice/testing`. */
  exports: ReadonlyMap<string, ReadonlySet<string>>;
  stage: ReadonlySet<string>;
  /** How the module of an example names the stage's. */
  stageModule: string;
}

/** An example as a module: imports first, the rest in a function, which starts on line `firstLine` (from 0). */
export function moduleOf(example: Example, around: Surroundings): { text: string; firstLine: number } {
  const source = ts.createSourceFile('example.ts', example.code, ts.ScriptTarget.Latest, true);
  const names = namesIn(source);
  const imports: string[] = [];
  const missing = (name: string): boolean => !names.imported.has(name);
  const taken = new Set<string>();
  for (const [module, exported] of around.exports) {
    const wanted = [...names.used].filter((name) => exported.has(name) && missing(name) && !taken.has(name));
    for (const name of wanted) taken.add(name);
    // What the example declares itself hides this import, but in a module that exports it would clash.
    const kept = names.exports ? wanted.filter((name) => !names.declared.has(name)) : wanted;
    if (kept.length > 0) imports.push(`import { ${kept.join(', ')} } from '${module}';`);
  }
  if (names.exports) {
    return { text: `${imports.join(' ')}\n${example.code}\n`, firstLine: 1 };
  }
  const onStage = [...names.used].filter(
    (name) => around.stage.has(name) && missing(name) && !names.declared.has(name) && !taken.has(name),
  );
  const body = [...example.code];
  for (const statement of source.statements) {
    if (!ts.isImportDeclaration(statement)) continue;
    imports.push(statement.getText(source).replaceAll('\n', ' '));
    for (let i = statement.getStart(source); i < statement.end; i++) if (body[i] !== '\n') body[i] = ' ';
  }
  const fetched = onStage.map((name) => `const ${name} = await stage.${name}();`).join(' ');
  const head = [
    ...imports,
    `import type { Stage } from '${around.stageModule}';`,
    `export default async function (stage: Stage): Promise<unknown> { void stage; ${fetched} {`,
  ].join(' ');
  return { text: `${head}\n${body.join('')}\n} return undefined; }\n`, firstLine: 1 };
}

/** What `// prints: …` comments promise, in order. */
export function promisedOutput(example: Example): string[] {
  return [...example.code.matchAll(/\/\/ prints: (.*)$/gm)].map(([, text]) => text!.trim());
}
