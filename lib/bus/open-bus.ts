/** Opening a bus: which engine an address names. */
import { InvalidArgTypeError, InvalidArgValueError, NotSupportedError } from '../errors.js';
import { checkOptions } from '../validate.js';
import { onCancel, throwIfCanceled } from '../waiting/cancellable.js';
import { waitSource } from '../waiting/cancellation.js';
import { Bus } from './bus.js';
import type { Engine } from './engine.js';
import type { BusOptions } from './options.js';

/** One line an engine: the scheme of its addresses, and what opens one. An engine's code, and its client, are loaded on use. */
const engines: Record<string, (address: string, options: BusOptions) => Promise<Engine>> = {
  memory: async (_address, options) => {
    refuse(options, ['client', 'durability'], 'memory:');
    return new (await import('./engines/memory.js')).MemoryEngine();
  },
  file: async (address, options) => {
    refuse(options, ['client'], 'file:');
    return (await import('./engines/file.js')).openFileEngine(address, options.durability);
  },
};

/** @throws NotSupportedError for an option that the engine has no use for. */
function refuse(options: BusOptions, names: readonly (keyof BusOptions)[], engine: string): void {
  for (const name of names)
    if (options[name] !== undefined)
      throw new NotSupportedError(`options.${name} with ${engine}`, options[name]);
}

/**
 * Opens a bus: `memory:` in this process, gone with it; `file:DIRECTORY` on this machine, in logs of the directory, of which one process at a
 * time has it open.
 *
 * @throws InvalidArgTypeError, InvalidArgValueError, NotSupportedError. Rejects with what opening a log rejects with.
 */
export async function openBus(address: string, options?: BusOptions): Promise<Bus> {
  if (typeof address !== 'string') throw new InvalidArgTypeError('address', 'a string', address);
  const given = checkOptions('options', options, ['durability', 'client', 'signal']) as BusOptions;
  const [, scheme, rest] = /^([a-z]+):(.*)$/s.exec(address) ?? [];
  if (scheme === undefined)
    throw new InvalidArgValueError('address', 'must be memory: or file:DIRECTORY', address);
  const open = Object.hasOwn(engines, scheme) ? engines[scheme] : undefined;
  if (open === undefined) throw new NotSupportedError(`a bus on ${scheme}:`, address);
  const signal = waitSource(given.signal === undefined ? undefined : { signal: given.signal });
  throwIfCanceled(signal);
  const bus = new Bus(await open(rest!, given));
  if (signal?.canceled) {
    await bus.close();
    throw signal.reason;
  }
  onCancel(signal, () => void bus.close().catch(() => {}));
  return bus;
}
