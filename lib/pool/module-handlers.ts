/** The handlers of a program's module: its functions, and those of the table that it may export as its default. */
import type { AnyFunction } from './handler-types.js';

/**
 * By name. A table's functions are called with the table as `this`, as anybody would call them; a function that the module exports by the
 * same name goes before the table's. A default export that is a function is the handler `default`.
 *
 * @internal
 */
export function handlersOf(module: Record<string, unknown>): ReadonlyMap<string, AnyFunction> {
  const handlers = new Map<string, AnyFunction>();
  const table = module.default;
  if (typeof table === 'object' && table !== null)
    for (const [name, handler] of Object.entries(table))
      if (typeof handler === 'function') handlers.set(name, handler.bind(table));
  for (const [name, handler] of Object.entries(module))
    if (typeof handler === 'function') handlers.set(name, handler as AnyFunction);
  return new Map([...handlers].sort(([one], [other]) => (one < other ? -1 : 1)));
}
