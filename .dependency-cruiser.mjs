// Holds the import graph of lib/, values and types alike: `npm run lint`. scripts/rooms.mjs has the rooms.
import { below, rooms } from './scripts/rooms.mjs';

const any = (names) => `(?:${names.join('|')})`;

const upwards = Object.keys(rooms).map((room) => ({
  name: `${room}-imports-what-it-stands-on`,
  comment: `lib/${room} may import ${[...below(room)].join(', ') || 'no other room'}.`,
  severity: 'error',
  from: { path: `^lib/${room}/` },
  to: {
    path: '^lib/',
    pathNot: `^lib/(?:${any([room, ...below(room)])}/|(?:errors|validate|handlers)\\.ts$)`,
  },
}));

// A folder in a room stands above the room's other files or below them, never both. A room's face (index.ts) is above all.
const inner = [
  ['channel/[^/]+\\.ts$', 'channel/shared/'],
  ['memory/[^/]+\\.ts$', 'memory/codec/'],
  ['sync/local/', 'sync/(?!local/)'],
  ['sync/shared/', 'sync/[^/]+\\.ts$'],
].map(([lower, upper]) => ({
  name: `no-circle-of-folders: ${lower} below ${upper}`,
  severity: 'error',
  from: { path: `^lib/${lower}`, pathNot: '/index\\.ts$' },
  to: { path: `^lib/${upper}` },
}));

export default {
  forbidden: [
    ...upwards,
    {
      name: 'no-room-without-a-floor',
      comment: 'A new folder in lib/ gets a line in scripts/rooms.mjs.',
      severity: 'error',
      from: { path: `^lib/(?!${any([...Object.keys(rooms), 'entries'])}/)[^/]+/` },
      to: {},
    },
    {
      name: 'errors-and-validate-at-the-bottom',
      severity: 'error',
      from: { path: '^lib/(?:errors|validate|handlers)\\.ts$' },
      to: { path: '^lib/', pathNot: '^lib/errors\\.ts$' },
    },
    {
      name: 'no-circle-of-files',
      severity: 'error',
      from: { path: '^lib/' },
      to: { circular: true },
    },
    ...inner,
    {
      name: 'only-the-platform-loads-the-addon',
      severity: 'error',
      from: { path: '^lib/', pathNot: '^lib/platform/' },
      to: { path: ['node-gyp-build', '\\.node$', '^lib/platform/native\\.ts$'] },
    },
    {
      name: 'no-dead-import',
      severity: 'error',
      from: { path: '^lib/' },
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    // Types too: an import that only types need is a dependency of who reads the file.
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { extensions: ['.ts', '.js'] },
  },
};
