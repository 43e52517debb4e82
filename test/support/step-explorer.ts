/**
 * Runs small programs over code of the library in every way that their threads can interleave and die: the very source,
 * with each access to shared memory made a step.
 *
 * The source of a class is rewritten so that its methods are generators which stop before each Atomics operation and each
 * call of the addon. Plain accesses belong to the operation before them: that is when V8 can not end the thread (see
 * permit-words.ts), and no other thread looks at such words meanwhile. All operations are sequentially consistent, so an
 * interleaving of steps is all that memory can do.
 *
 * A run follows a list of choices: which thread steps next, or dies. The next run changes the last choice that has another way
 * left, until none has. A state that was met before is not followed again; a thread's part of the state is what its steps
 * have answered so far, which is all that decides how it goes on.
 */
import { readFileSync } from 'node:fs';
import ts from 'typescript';

/** What a thread does next; `run` does it, and gives the answer. */
export interface Step {
  readonly name: string;
  readonly run?: () => unknown;
  /** The thread sleeps until this says no. */
  readonly sleepsWhile?: () => boolean;
}
export type Steps<T = void> = Generator<Step, T, never>;

/** A class whose methods are steps: all of them, for the tests know which they call. */
export type Stepwise = Record<string, (...args: unknown[]) => Steps<never>>;

const { factory } = ts;
const named = (node: ts.Node, name: string): boolean => ts.isIdentifier(node) && node.text === name;

/** `(yield { name, run: callee.bind(undefined, …arguments) })`: the arguments may be steps themselves, which come first. */
function stepOf(name: string, { expression, arguments: args }: ts.CallExpression): ts.Expression {
  const bind = factory.createPropertyAccessExpression(expression, 'bind');
  const run = factory.createCallExpression(bind, undefined, [factory.createIdentifier('undefined'), ...args]);
  return factory.createParenthesizedExpression(
    factory.createYieldExpression(
      undefined,
      factory.createObjectLiteralExpression([
        factory.createPropertyAssignment('name', factory.createStringLiteral(name)),
        factory.createPropertyAssignment('run', run),
      ]),
    ),
  );
}

function stepwise(context: ts.TransformationContext): (file: ts.SourceFile) => ts.SourceFile {
  const visit = (node: ts.Node): ts.Node => {
    if (ts.isImportDeclaration(node)) return factory.createEmptyStatement();
    if (ts.isArrowFunction(node) || ts.isConstructorDeclaration(node) || ts.isAccessor(node)) return node;
    const inner = ts.visitEachChild(node, visit, context);
    if (
      ts.isMethodDeclaration(inner) &&
      !inner.modifiers?.some((m) => m.kind === ts.SyntaxKind.StaticKeyword)
    )
      return factory.updateMethodDeclaration(
        inner,
        inner.modifiers,
        factory.createToken(ts.SyntaxKind.AsteriskToken),
        inner.name,
        undefined,
        undefined,
        inner.parameters,
        undefined,
        inner.body,
      );
    if (!ts.isCallExpression(inner)) return inner;
    const callee = inner.expression;
    if (named(callee, 'isDead')) return stepOf('isDead', inner);
    if (!ts.isPropertyAccessExpression(callee)) return inner;
    if (named(callee.expression, 'Atomics') || named(callee.expression, 'wakes'))
      return stepOf(callee.name.text, inner);
    if (callee.expression.kind === ts.SyntaxKind.ThisKeyword)
      return factory.createParenthesizedExpression(
        factory.createYieldExpression(factory.createToken(ts.SyntaxKind.AsteriskToken), inner),
      );
    return inner;
  };
  return (file) => ts.visitEachChild(file, visit, context);
}

/**
 * The class `name` of a file of the library, its methods made generators of steps.
 *
 * @param imports gives what the file imports
 * @param plant changes the source first: a bug
 */
export function stepwiseClass(
  file: URL,
  name: string,
  imports: Record<string, unknown>,
  plant: (source: string) => string = (source) => source,
): new (
  ...args: unknown[]
) => Stepwise {
  const source = plant(readFileSync(file, 'utf8'));
  const plain = ts.transpile(source, { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext });
  const parsed = ts.createSourceFile('code.js', plain, ts.ScriptTarget.ES2022, true, ts.ScriptKind.JS);
  const { transformed } = ts.transform(parsed, [stepwise]);
  const code = ts
    .createPrinter()
    .printFile(transformed[0]!)
    .replace(/^export \{.*\};?$/gm, '')
    .replace(/^export /gm, '');
  const make = new Function(...Object.keys(imports), `${code}\nreturn ${name};`);
  return make(...Object.values(imports)) as never;
}

/** One run of a program: its threads, and what to look at when nothing moves any more. */
export interface Program {
  /** Memory that the threads share. */
  readonly words: Int32Array;
  /** Whatever else decides how it goes on. */
  state(): string;
  readonly threads: readonly (() => Steps)[];
  /** How many threads may die, of those from `mortalFrom` on. */
  readonly deaths: number;
  readonly mortalFrom: number;
  /** Thread `index` has died. */
  died(index: number): void;
  /** Thread `index` is about to make a step. */
  enters(index: number): void;
  /** Nothing moves. Throws when that is wrong. */
  atEnd(): void;
}

export interface Outcome {
  readonly failure: string | undefined;
  readonly runs: number;
  readonly states: number;
  /** Every way was tried. */
  readonly exhausted: boolean;
}

const MAX_STEPS = 2000;

class Run {
  readonly #program: Program;
  readonly #threads: Steps[];
  readonly #next: (Step | undefined)[];
  readonly #history: number[];
  readonly trace: string[] = [];
  #deathsLeft: number;

  constructor(program: Program) {
    this.#program = program;
    this.#threads = program.threads.map((body) => body());
    this.#next = this.#threads.map((_, i) => this.#resume(i, undefined));
    this.#history = this.#threads.map(() => 1);
    this.#deathsLeft = program.deaths;
  }

  #resume(index: number, answer: unknown): Step | undefined {
    this.#program.enters(index);
    const { done, value } = this.#threads[index]!.next(answer as never);
    return done === true ? undefined : (value as Step);
  }

  /** What can happen next: thread i steps (i), thread i dies (-1 - i). */
  options(): number[] {
    const found: number[] = [];
    for (let i = 0; i < this.#next.length; i++) {
      const step = this.#next[i];
      if (step !== undefined && step.sleepsWhile?.() !== true) found.push(i);
    }
    if (this.#deathsLeft > 0)
      for (let i = this.#program.mortalFrom; i < this.#next.length; i++)
        if (this.#next[i] !== undefined) found.push(-1 - i);
    return found;
  }

  take(option: number): void {
    if (option < 0) {
      const dead = -1 - option;
      this.trace.push(`${dead} dies before ${this.#next[dead]!.name}`);
      this.#next[dead] = undefined;
      this.#history[dead] = 0;
      this.#deathsLeft--;
      this.#program.died(dead);
      return;
    }
    const step = this.#next[option]!;
    this.#program.enters(option);
    const answer = step.run?.();
    this.trace.push(`${option} ${step.name} → ${answer}`);
    const seen = typeof answer === 'number' ? answer : answer === true ? 7 : 3;
    this.#history[option] = (this.#history[option]! * 1_000_003 + (seen >>> 0) + 11) % 9_007_199_254_000_003;
    this.#next[option] = this.#resume(option, answer);
  }

  get state(): string {
    const { words } = this.#program;
    return `${words.join()}|${this.#history.join()}|${this.#deathsLeft}|${this.#program.state()}`;
  }

  get wakeful(): boolean {
    return this.#next.some((step) => step !== undefined && step.sleepsWhile?.() !== true);
  }
}

/** Runs the program in every way, as far as `maxRuns` go; ends at the first failure. */
export function explore(programOf: () => Program, maxRuns: number): Outcome {
  const met = new Set<string>();
  const path: { choice: number; options: number }[] = [];
  let runs = 0;
  for (; runs < maxRuns; runs++) {
    const program = programOf();
    const run = new Run(program);
    try {
      for (let depth = 0, steps = 0; ; steps++) {
        if (steps > MAX_STEPS) throw new Error('it goes on for ever');
        const options = run.options();
        if (!run.wakeful) program.atEnd(); // now, though somebody may still die
        if (options.length === 0) break;
        if (options.length === 1) {
          run.take(options[0]!);
          continue;
        }
        if (depth === path.length) {
          const { state } = run;
          if (met.has(state)) break;
          met.add(state);
          path.push({ choice: 0, options: options.length });
        }
        run.take(options[path[depth++]!.choice]!);
      }
    } catch (error) {
      const failure = `${(error as Error).message}\n${run.trace.join('\n')}`;
      return { failure, runs: runs + 1, states: met.size, exhausted: false };
    }
    while (path.length > 0 && path.at(-1)!.choice + 1 === path.at(-1)!.options) path.pop();
    if (path.length === 0) return { failure: undefined, runs: runs + 1, states: met.size, exhausted: true };
    path.at(-1)!.choice++;
  }
  return { failure: undefined, runs, states: met.size, exhausted: false };
}
