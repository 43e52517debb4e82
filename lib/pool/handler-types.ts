/** The types of a module's functions, as `run`, `go` and `map` see them. */

import type { AnyFunction } from '../handlers.js';

export type { AnyFunction, HandlerName } from '../handlers.js';

type HandlerOf<Module, Name extends keyof Module> = Module[Name] extends AnyFunction ? Module[Name] : never;

/** What a handler is called with. */
export type HandlerArguments<Module, Name extends keyof Module> = Parameters<HandlerOf<Module, Name>>;

/** What a call of a handler resolves with: a generator becomes an async iterable. */
export type HandlerResult<Module, Name extends keyof Module> =
  Awaited<ReturnType<HandlerOf<Module, Name>>> extends AsyncIterable<infer T> | Generator<infer T>
    ? AsyncIterableIterator<T>
    : Awaited<ReturnType<HandlerOf<Module, Name>>>;
