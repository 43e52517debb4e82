// The engines, each on ports of its own. What they need to be fast to start and strict about durability is in their settings here.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { accepts, answers, ENGINES_FOLDER, Engine, freePort, program } from './engine.js';

/** An engine and how to reach it. */
export interface Started {
  engine: Engine;
  port: number;
  url: string;
}

/** Redis that syncs each write. */
export async function startRedis(options: { password?: string } = {}): Promise<Started> {
  const engine = new Engine();
  const port = await freePort();
  const command = [
    program('redis-server'),
    '--port',
    `${port}`,
    '--bind',
    '127.0.0.1',
    '--dir',
    engine.folder,
  ];
  command.push('--save', '', '--appendonly', 'yes', '--appendfsync', 'always', '--daemonize', 'no');
  if (options.password !== undefined) command.push('--requirepass', options.password);
  await engine.start({ command, ready: () => accepts(port) });
  return { engine, port, url: `redis://127.0.0.1:${port}` };
}

/** NATS with JetStream on disk. */
export async function startNats(options: { user?: string; password?: string } = {}): Promise<Started> {
  const engine = new Engine();
  const port = await freePort();
  const monitor = await freePort();
  const command = [program('nats-server'), '-a', '127.0.0.1', '-p', `${port}`, '-m', `${monitor}`];
  command.push('-js', '-sd', join(engine.folder, 'data'));
  if (options.user !== undefined) command.push('--user', options.user, '--pass', options.password ?? '');
  await engine.start({ command, ready: () => answers(`http://127.0.0.1:${monitor}/healthz`) });
  return { engine, port, url: `nats://127.0.0.1:${port}` };
}

const KAFKA_VERSION = '4.4.0';

/** One Kafka node that is broker and controller. An open port is not ready yet: its client waits for the first answer. */
export async function startKafka(): Promise<Started> {
  const engine = new Engine();
  const port = await freePort();
  const controller = await freePort();
  const properties = join(engine.folder, 'server.properties');
  writeFileSync(
    properties,
    Object.entries({
      'process.roles': 'broker,controller',
      'node.id': 1,
      listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controller}`,
      'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
      'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
      'controller.listener.names': 'CONTROLLER',
      'controller.quorum.bootstrap.servers': `127.0.0.1:${controller}`,
      'log.dirs': join(engine.folder, 'data'),
      'offsets.topic.replication.factor': 1,
      'offsets.topic.num.partitions': 4,
      'transaction.state.log.replication.factor': 1,
      'transaction.state.log.min.isr': 1,
      'transaction.state.log.num.partitions': 4,
      'share.coordinator.state.topic.replication.factor': 1,
      'share.coordinator.state.topic.min.isr': 1,
      'group.initial.rebalance.delay.ms': 0,
      'log.cleaner.enable': false,
      'broker.session.timeout.ms': 2000,
      'broker.heartbeat.interval.ms': 400,
    })
      .map(([key, value]) => `${key}=${value}\n`)
      .join(''),
  );
  const java = [program('java'), '-Xms128m', '-Xmx384m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
  java.push('-cp', join(ENGINES_FOLDER, `kafka-${KAFKA_VERSION}`, 'libs', '*'));
  const format = new Engine();
  await format.start({
    command: [
      ...java,
      'kafka.tools.StorageTool',
      'format',
      '--standalone',
      '-t',
      'AAAAAAAAAAAAAAAAAAAAAA',
      '-c',
      properties,
    ],
    ready: async () => format.ended,
  });
  await format.dispose();
  await engine.start({ command: [...java, 'kafka.Kafka', properties], ready: () => accepts(port) });
  return { engine, port, url: `kafka://127.0.0.1:${port}` };
}

/** Etcd nodes that know each other. */
export async function startEtcd(nodes = 3): Promise<{ engines: Engine[]; endpoints: string[] }> {
  const members = await Promise.all(
    Array.from({ length: nodes }, async (_, i) => ({
      name: `n${i + 1}`,
      engine: new Engine(),
      client: `http://127.0.0.1:${await freePort()}`,
      peer: `http://127.0.0.1:${await freePort()}`,
    })),
  );
  const cluster = members.map(({ name, peer }) => `${name}=${peer}`).join(',');
  await Promise.all(
    members.map(({ name, engine, client, peer }) => {
      const command = [program('etcd'), '--name', name, '--data-dir', join(engine.folder, 'data')];
      command.push('--listen-client-urls', client, '--advertise-client-urls', client);
      command.push('--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer);
      command.push('--initial-cluster', cluster, '--initial-cluster-state', 'new');
      return engine.start({ command, ready: () => answers(`${client}/health`) });
    }),
  );
  return { engines: members.map(({ engine }) => engine), endpoints: members.map(({ client }) => client) };
}

/** An MQTT broker. */
export async function startMosquitto(options: { passwordFile?: string } = {}): Promise<Started> {
  const engine = new Engine();
  const port = await freePort();
  const settings = [`listener ${port} 127.0.0.1`, 'persistence false', 'user root'];
  settings.push(
    ...(options.passwordFile === undefined
      ? ['allow_anonymous true']
      : ['allow_anonymous false', `password_file ${options.passwordFile}`]),
  );
  const file = join(engine.folder, 'mosquitto.conf');
  writeFileSync(file, `${settings.join('\n')}\n`);
  await engine.start({ command: [program('mosquitto'), '-c', file], ready: () => accepts(port) });
  return { engine, port, url: `mqtt://127.0.0.1:${port}` };
}

/** HAProxy in front of a port of this machine, sending the PROXY protocol's second version. Its checks send LOCAL headers. */
export async function startHaproxy(upstream: number): Promise<Started> {
  const engine = new Engine();
  const port = await freePort();
  const file = join(engine.folder, 'haproxy.cfg');
  writeFileSync(
    file,
    `defaults
 mode tcp
 timeout connect 2s
 timeout client 1h
 timeout server 1h
listen l
 bind 127.0.0.1:${port}
 server s 127.0.0.1:${upstream} check inter 200ms send-proxy-v2
`,
  );
  await engine.start({ command: [program('haproxy'), '-db', '-f', file], ready: () => accepts(port) });
  return { engine, port, url: `tcp://127.0.0.1:${port}` };
}
