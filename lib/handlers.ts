/**
 * The functions of a module that workers run, as a type: what a pool is generic in, and what those know of a pool that may not import
 * it (a listener that dispatches to it).
 */

// biome-ignore lint/suspicious/noExplicitAny: any function
export type AnyFunction = (...args: any[]) => any;

/** What handlers are looked for in: the module's exports, and those of its default export where that is a table of them. */
export type HandlerExports<Module> = Module extends { default: infer Table extends object }
  ? Table extends AnyFunction
    ? Module
    : Omit<Module, 'default'> & Omit<Table, keyof Omit<Module, 'default'>>
  : Module;

/** The names of a module's functions, those of a table that it exports as its default included. */
export type HandlerName<Module> = {
  [Name in keyof HandlerExports<Module>]: HandlerExports<Module>[Name] extends AnyFunction ? Name : never;
}[keyof HandlerExports<Module>] &
  string;

/** Names the property, of types only, that carries a pool's module. */
export const moduleOf: unique symbol = Symbol('sluice.moduleOf');

/** Anything that runs the functions of `Module`: a `WorkerPool<Module>`. */
export interface HandlersOf<Module> {
  /** For the type checker only: there is no such property. */
  readonly [moduleOf]?: Module;
}
