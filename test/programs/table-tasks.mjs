// Handlers in a table, as the module's default export.
import { currentPool } from '../../dist/index.js';

const own = 'of the table';

export default {
  own,
  add: (a, b) => a + b,
  self() {
    return this.own;
  },
  async *count(to) {
    for (let i = 0; i < to; i++) yield i;
  },
  twice: (n) => currentPool().run('add', [n, n]),
  both: () => 'table',
};

export const both = () => 'export';
