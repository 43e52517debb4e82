export function threadNow(): number;
export function throwLater(): number;
export function rejectLater(): number;
export function exitLater(): number;
export function exitWith(code: number): never;
export function wait(): Promise<void>;
export function spin(memory: SharedArrayBuffer): never;
export function warmUp(): Promise<void>;
