// Answers with what a lane's connection says to a lingering end.
export function onBatch(batch) {
  const connection = batch.connection(0);
  try {
    connection.end({ lingerMs: 5 });
  } catch (error) {
    batch.reply(0, error.code);
  }
}
