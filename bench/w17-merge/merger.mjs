import { merger } from '../../dist/merge/index.js';
import { load, runLoad, WINDOW_MS } from './load.mjs';

await runLoad(() => {
  const values = merger({ load, windowMs: WINDOW_MS });
  return (key) => values.get(key);
});
