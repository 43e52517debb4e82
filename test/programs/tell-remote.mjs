// Answers each frame with what the worker knows of its connection.
export function onBatch(batch) {
  for (const frame of batch) {
    const { remote, credentials } = frame.connection;
    frame.reply(JSON.stringify({ remote, credentials }));
    frame.connection.end();
  }
}
