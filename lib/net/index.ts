/** Sockets: listeners and outgoing connections whose input comes in framed batches. */

export { type DriverChoice, driver } from '../platform/driver.js';
export type { HasSignal, WaitOptions } from '../waiting/cancellation.js';
export type { AccessLists, ProxyAddress, ProxyProtocolOptions, ProxyTlv } from './access.js';
export type { IpAddress, ListenAddress, LocalAddress, PeerCredentials, RemoteAddress } from './address.js';
export { connect } from './connect.js';
export type { Connection, EndOptions, OutputData } from './connection.js';
export type { DescriptorWatch, Readiness, WatchDescriptorOptions } from './descriptor-watch.js';
export type { DisconnectReason } from './disconnect-reason.js';
export type { Dispatch, DispatchOptions, DispatchStats, FramesLost } from './dispatch-target.js';
export type { DrainOptions, DrainReport } from './drain.js';
export type { DisconnectHandler } from './endpoint.js';
export type { BatchHandler } from './frame-batch.js';
export { Frame, FrameBatch } from './frame-batch.js';
export * from './framing/index.js';
export { type ActivatedSocket, inheritedSockets } from './inherited-sockets.js';
export type { KeepAlive } from './keep-alive.js';
export type { FrameRate, Limits } from './limits.js';
export { type InheritedSocket, listen } from './listen.js';
export { type ConnectHandler, type Connections, Listener, type RefuseHandler } from './listener.js';
export type { ConnectOptions, EndpointOptions, ListenOptions } from './options.js';
export { Peer } from './peer.js';
export type { Recording, RecordingOptions, RecordingStats } from './record-target.js';
export { type ReconnectHandler, Redial, type RedialOptions, type RedialStats, redial } from './redial.js';
export {
  BatchReleasedError,
  ConnectionClosedError,
  ConnectTimeoutError,
  ConsumerActiveError,
  EndpointClosedError,
  OutputLimitError,
  SocketError,
  WriteAfterEndError,
} from './socket-error.js';
export type { EndpointStats } from './stats.js';
export { watch } from './watch.js';
