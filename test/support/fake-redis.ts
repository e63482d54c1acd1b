import { PassThrough } from 'node:stream'

/** A connected Redis client whose replies are computed from each pipeline's commands. */
export function fakeRedis<C extends unknown[]>(replies: (commands: C[]) => unknown[]): object {
  const redis = {
    status: 'ready',
    stream: new PassThrough(),
    pipeline: (commands: C[]) => ({ exec: async () => replies(commands).map((reply) => [null, reply]) }),
    once() {},
    on() {},
    async connect() {},
    duplicate: () => redis,
  }
  return redis
}
