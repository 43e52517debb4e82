/**
 * The functions of a module that workers run, as a type: what a pool is generic in, and what those know of a pool that may not import
 * it (a listener that dispatches to it).
 */

// biome-ignore lint/suspicious/noExplicitAny: any function
export type AnyFunction = (...args: any[]) => any;

/** The names of a module's functions. */
export type HandlerName<Module> = {
  [Name in keyof Module]: Module[Name] extends AnyFunction ? Name : never;
}[keyof Module] &
  string;

/** Names the property, of types only, that carries a pool's module. */
export const moduleOf: unique symbol = Symbol('sluice.moduleOf');

/** Anything that runs the functions of `Module`: a `WorkerPool<Module>`. */
export interface HandlersOf<Module> {
  /** For the type checker only: there is no such property. */
  readonly [moduleOf]?: Module;
}
