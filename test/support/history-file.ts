import proto from '@temporalio/proto'

const { History } = proto.temporal.api.history.v1
type History = proto.temporal.api.history.v1.IHistory

/** A Temporal history as JSON, without the host name, process id and paths of the recording process. */
export function historyText(history: History): string {
  const plain = History.toObject(History.fromObject(history), { longs: String, bytes: String, enums: String })
  const withoutPaths = (key: string, value: unknown) => (key === 'stackTrace' ? '' : value)
  return `${JSON.stringify(plain, withoutPaths, 1).replace(/\d+@[\w.-]+/g, '1@recorder')}\n`
}

export function historyFrom(text: string): History {
  return History.fromObject(JSON.parse(text) as object)
}
