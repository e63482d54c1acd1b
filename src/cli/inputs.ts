import { InvalidArgumentError } from 'commander'

/** Collects repeated `--input name=value`. The value is everything after the first `=`; it may be empty. */
export function collectInput(text: string, earlier: Record<string, string> = {}): Record<string, string> {
  const match = /^([A-Za-z_][A-Za-z0-9_-]*)=([\s\S]*)$/.exec(text)
  if (!match) throw new InvalidArgumentError('Write it as name=value, such as --input threshold=5s.')
  const [, name, value] = match as unknown as [string, string, string]
  if (Object.hasOwn(earlier, name)) throw new InvalidArgumentError(`${name} is given twice. Give each input once.`)
  return { ...earlier, [name]: value }
}
