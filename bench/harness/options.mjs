// The command line of `npm run bench`.
import { parseArgs } from 'node:util';

const USAGE = `npm run bench -- WORKLOAD... [options]

WORKLOAD       such as w1, or all
               'list' names the workloads and their peers, 'report' only draws the tables and charts again

--runs N       rounds; in each, every peer runs once, in turn (default 5)
--only A,B     only these peers
--quick        a tenth of the work and one round: to see that everything runs, not to quote
--save         write bench/results also after --quick, --only or fewer than five rounds, which otherwise only print
--append       adds the rounds to the saved result, when it has the same settings, machine and versions
--priority     at the highest priority (nice -20, needs root): for a machine on which others can't be asked to wait
--no-pin       let the kernel place server and load; otherwise each has a CPU of its own`;

const QUICK_RUNS = 1;
const DEFAULT_RUNS = 5;

/** Thrown for a command line that makes no sense; its message is for the user. */
export class UsageError extends Error {
  constructor(problem) {
    super(`${problem}\n\n${USAGE}`);
    this.name = 'UsageError';
  }
}

/**
 * @param {string[]} args without node and the script
 * @returns {{ names: string[], runs: number, only: string[] | undefined, quick: boolean, save: boolean, append: boolean, priority: boolean, pin: boolean, help: string | undefined }}
 */
export function parseOptions(args) {
  let parsed;
  try {
    parsed = parseArgs({
      args,
      allowPositionals: true,
      options: {
        runs: { type: 'string' },
        only: { type: 'string' },
        quick: { type: 'boolean', default: false },
        save: { type: 'boolean', default: false },
        append: { type: 'boolean', default: false },
        priority: { type: 'boolean', default: false },
        'no-pin': { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    throw new UsageError(error.message);
  }
  const { values, positionals } = parsed;
  const runs = values.runs === undefined ? (values.quick ? QUICK_RUNS : DEFAULT_RUNS) : Number(values.runs);
  if (!Number.isInteger(runs) || runs < 1)
    throw new UsageError(`--runs takes a whole number from 1, not '${values.runs}'`);
  if (values.append && values.only !== undefined) throw new UsageError('--append needs all peers');
  if (positionals.length === 0 && !values.help) throw new UsageError('which workload?');
  return {
    names: positionals,
    runs,
    only: values.only?.split(','),
    quick: values.quick,
    append: values.append,
    priority: values.priority,
    save:
      values.save || values.append || (!values.quick && values.only === undefined && runs >= DEFAULT_RUNS),
    pin: !values['no-pin'],
    help: values.help ? USAGE : undefined,
  };
}
