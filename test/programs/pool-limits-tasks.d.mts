// The types of pool-limits-tasks.mjs, as its user sees them.
export * from './pool-tasks.mjs';

type Limits = { timeout?: number; abortAfter?: number; key?: string };
export function spinShared(): never;
export function markShared(): number;
export function nested(name: string, args: unknown[], options?: Limits): Promise<unknown>;
export function nestedElsewhere(name: string, options?: Limits): Promise<unknown>;
export function nestedThenAborted(): Promise<unknown>;
export function tick(ms: number, times: number): Promise<void>;
export function spinBriefly(ms: number): void;
export function holdGate(gate: SharedArrayBuffer): void;
export function leave(name: string, args: unknown[]): void;
export function nestedTooLate(gate: SharedArrayBuffer): Promise<unknown>;
export function reportInLoop(count: number, size?: number): number;
export function nestedReports(count: number, size: number): Promise<{ putOff: number; seen: number[] }>;
export function reportFunction(): unknown;
export function reportLate(): Promise<string>;
export function hangInLoop(): Generator<number>;
export function hangInPromise(memory: SharedArrayBuffer): AsyncGenerator<number>;
export function countInto(memory: SharedArrayBuffer, count: number): Generator<number>;
