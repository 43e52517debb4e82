/** What every `sluice listen` has in common, whatever becomes of the frames: the listener, its live line, its summary. */
import {
  type DrainReport,
  type EndpointStats,
  type Framing,
  type Limits,
  type Listener,
  listen,
} from '../net/index.js';
import type { FaultTally } from './fault-tally.js';
import { formatBytes, formatCount, formatMegabytes } from './quantity.js';

export interface IntakeOptions {
  address: string;
  framing: Framing;
  maxFrame: number;
  maxBuffered: number;
  maxConnections?: number;
  maxConnectionsPerAddress?: number;
  backlog: number;
  reactors: number;
  reusePort?: true;
  ipv6Only?: true;
  mode?: number;
  replaceStale?: true;
  /** In ms, as all times here. */
  keepAlive?: number;
  idle?: number;
  allow?: string[];
  deny?: string[];
  /** The proxies' networks. */
  proxyProtocol?: string[];
  drain: number;
  stats?: number;
  quiet?: true;
}

export function openListener(options: IntakeOptions, { recycle }: { recycle: boolean }): Promise<Listener> {
  const limits: Limits = { frameBytes: options.maxFrame, bufferedBytes: options.maxBuffered };
  if (options.maxConnections !== undefined) limits.connections = options.maxConnections;
  if (options.maxConnectionsPerAddress !== undefined) {
    limits.connectionsPerAddress = options.maxConnectionsPerAddress;
  }
  if (options.idle !== undefined) limits.idleMs = options.idle;
  return listen(options.address, {
    ...(options.allow && { allow: options.allow }),
    ...(options.deny && { deny: options.deny }),
    ...(options.proxyProtocol && { proxyProtocol: { trust: options.proxyProtocol } }),
    framing: options.framing,
    reactors: options.reactors,
    recycle,
    limits,
    backlog: options.backlog,
    reusePort: options.reusePort ?? false,
    ipv6Only: options.ipv6Only ?? false,
    ...(options.mode !== undefined && { mode: options.mode }),
    replaceStale: options.replaceStale ?? false,
    keepAlive: options.keepAlive ?? false,
  });
}

/** What a ticker shows of a listener; `backlog` says what waits to be handled. */
export function liveText(
  server: Listener,
  backlog = (): string => formatBytes(server.stats().bufferedBytes),
): (seconds: number) => string {
  let framesBefore = 0;
  let bytesBefore = 0;
  return (seconds) => {
    const { frames, bytesIn, connections, refused } = server.stats();
    const text = [
      `${formatCount((frames - framesBefore) / seconds)} frames/s`,
      `${formatMegabytes((bytesIn - bytesBefore) / seconds)} MB/s`,
      `${formatCount(connections)} connections`,
      `backlog ${backlog()}`,
      `refused ${formatCount(refused)}`,
    ].join('  ');
    framesBefore = frames;
    bytesBefore = bytesIn;
    return text;
  };
}

/** The summary at the end. `handled` says what became of the frames; the command began at `began`, of `performance.now()`. */
export function summaryRows(
  stats: EndpointStats,
  handled: readonly [string, string][],
  began: number,
  faults: FaultTally,
  drained: DrainReport | undefined,
): [string, string][] {
  const rows: [string, string][] = [
    ['frames received', formatCount(stats.frames)],
    ['bytes received', formatCount(stats.bytesIn)],
    ...handled,
    ['connections', formatCount(stats.accepted)],
    ['seconds', ((performance.now() - began) / 1000).toFixed(1)],
  ];
  if (stats.refusedByLimit > 0) rows.push(['refused: limit', formatCount(stats.refusedByLimit)]);
  if (stats.refusedByAddress > 0)
    rows.push(['refused: limit of the address', formatCount(stats.refusedByAddress)]);
  if (stats.refusedByDescriptors > 0) {
    rows.push(['refused: no descriptor left', formatCount(stats.refusedByDescriptors)]);
  }
  for (const { code, count } of faults.entries()) rows.push([`closed: ${code}`, formatCount(count)]);
  if (drained !== undefined && drained.cut > 0) {
    rows.push(['cut at the end', formatCount(drained.cut)]);
    rows.push(['bytes of unfinished frames cut', formatCount(drained.unfinishedBytes)]);
  }
  return rows;
}
