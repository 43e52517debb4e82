/** The types of a module's functions, as `run`, `go` and `map` see them. */

import type { AnyFunction, HandlerExports } from '../handlers.js';

export type { AnyFunction, HandlerExports, HandlerName } from '../handlers.js';

type HandlerOf<Module, Name> = Name extends keyof HandlerExports<Module>
  ? HandlerExports<Module>[Name] extends AnyFunction
    ? HandlerExports<Module>[Name]
    : never
  : never;

/** What a handler is called with. */
export type HandlerArguments<Module, Name> = Parameters<HandlerOf<Module, Name>>;

/** What goes behind the name in a call: the arguments, which may be left out where the handler can do without, and the options. */
export type HandlerCall<Module, Name, Options> = [Name] extends [never]
  ? [args?: unknown[], options?: Options]
  : [] extends HandlerArguments<Module, Name>
    ? [args?: HandlerArguments<Module, Name>, options?: Options]
    : [args: HandlerArguments<Module, Name>, options?: Options];

/** What `map` takes for a handler of one argument, or of none; nothing for one that needs more. */
export type HandlerInput<Module, Name> =
  HandlerArguments<Module, Name> extends []
    ? unknown
    : [HandlerArguments<Module, Name>[0]] extends HandlerArguments<Module, Name>
      ? HandlerArguments<Module, Name>[0]
      : never;

/** What a call of a handler resolves with: a generator becomes an async iterable. */
export type HandlerResult<Module, Name> =
  Awaited<ReturnType<HandlerOf<Module, Name>>> extends AsyncIterable<infer T> | Generator<infer T>
    ? AsyncIterableIterator<T>
    : Awaited<ReturnType<HandlerOf<Module, Name>>>;
