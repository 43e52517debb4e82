/** The module of lib/ behind each entry of the package. */
export const entries: Readonly<Record<string, string>>;
export function specifierOf(entry: string): string;
export function packageExports(): Record<string, unknown>;
export function documented(): string[];
