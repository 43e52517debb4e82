/** What threads ask of the machine: waking each other, and who is alive. The addon is the implementation. */

/**
 * How a thread is woken: its event loop calls `onWake` soon after another thread said `wake(id)`; several wakes may come
 * as one call. It does not keep the process alive until `ref`.
 */
export interface WakerDriver {
  /** This thread's name in the process, until it ends. */
  readonly id: number;
  ref(): void;
  unref(): void;
}

export interface Wakes {
  /** At most one a thread. Throws when the process has too many. */
  Waker: new (
    onWake: () => void,
  ) => WakerDriver;
  /** Wakes a thread. False, and nothing happens, when it has ended. */
  wake(id: number): boolean;
  /** Wakes every thread, native ones too. */
  wakeAll(): void;
  isAlive(id: number): boolean;
  /** How many threads have ended, modulo 2^32; after each, every other thread is woken. */
  deaths(): number;
  /** Names this copy of the addon in the process: ids mean the same only to threads that have the same. */
  registry: number;
  /** How many bytes `view` begins after a multiple of `alignment`, a power of two. */
  misalignment(view: Uint8Array, alignment: number): number;
  /** The constants of native/core/queue/layout.h by their names in layout.ts. */
  sharedLayout: Record<string, number>;
  /** For the tests of this package only. */
  testing: {
    /**
     * A native thread that sends the numbers below `count` as `tag << 24 | number`: into a slot queue one a slot, into a byte
     * ring each as often as `1 + number % 9` words hold it. It sleeps in `writers` and wakes `readers`.
     */
    NativeProducer: new (
      memory: Int32Array,
      readers: Int32Array,
      writers: Int32Array,
      tag: number,
      count: number,
    ) => { readonly done: boolean; join(): void };
  };
}
