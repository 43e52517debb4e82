import type { Connection, FrameBatch } from 'sluice';
export function count(batch: FrameBatch): void;
export function name(batch: FrameBatch): void;
export function leave(connection: Connection): void;
export function countAndTell(batch: FrameBatch): void;
export function control(batch: FrameBatch): void;
