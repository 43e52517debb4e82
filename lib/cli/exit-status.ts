/** What the command's exit status says; docs/cli.md has them for users. */
export const ExitStatus = Object.freeze({
  /** All was done; also after a signal that ended a server in good order. */
  done: 0,
  /** Something failed on the way: the address, the output, the server. */
  failed: 1,
  /** The command line makes no sense. */
  usage: 2,
  /** A load was ended by a signal before it was through: 128 and SIGINT's number, as shells have it. */
  interrupted: 130,
});
