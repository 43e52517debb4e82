/** What a bus ends or refuses calls with. */
import { recogniseAcrossCopies, SluiceError } from '../errors.js';

/** The bus, or the subscription, was closed before the call. `code` is `ERR_BUS_CLOSED`. */
export class BusClosedError extends SluiceError {
  constructor(what = 'bus') {
    super('ERR_BUS_CLOSED', `the ${what} is closed`);
  }
}
recogniseAcrossCopies(BusClosedError, 'BusClosedError');

/** A topic of this name is there already, with these or other partitions. `code` is `ERR_TOPIC_EXISTS`. */
export class TopicExistsError extends SluiceError {
  /** The topic's name. */
  readonly topic: string;
  /** How many partitions it has. */
  readonly partitions: number;
  constructor(topic: string, partitions: number) {
    super('ERR_TOPIC_EXISTS', `the topic '${topic}' exists already, with ${partitions} partitions`);
    this.topic = topic;
    this.partitions = partitions;
  }
}
recogniseAcrossCopies(TopicExistsError, 'TopicExistsError');

/** There is no topic of this name. `code` is `ERR_TOPIC_NOT_FOUND`. */
export class TopicNotFoundError extends SluiceError {
  /** The topic's name. */
  readonly topic: string;
  constructor(topic: string) {
    super('ERR_TOPIC_NOT_FOUND', `there is no topic '${topic}'; make it with createTopic`);
    this.topic = topic;
  }
}
recogniseAcrossCopies(TopicNotFoundError, 'TopicNotFoundError');
