// No back end and nothing merged: what the load itself costs.
import { runLoad } from './load.mjs';

await runLoad(() => async (key) => key * 2);
