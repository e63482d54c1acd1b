export interface Sample {
  name: string
  labels: Record<string, string>
  value: number
}

const SAMPLE =
  /^([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(?:\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\})?\s+(\S+)(?:\s+-?\d+)?(?:\s+#.*)?\s*$/
const LABEL = /\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*,?/y

/**
 * Parses the text format of Prometheus and OpenMetrics: the samples of the named metrics. Ignores comments, other metrics, malformed lines
 * and values that are not finite numbers.
 */
export function parseMetrics(text: string, names: ReadonlySet<string>): Sample[] {
  const samples: Sample[] = []
  for (const line of text.split('\n')) {
    const match = line.startsWith('#') ? null : SAMPLE.exec(line.trim())
    if (!match || !names.has(match[1]!)) continue
    const value = Number(match[3])
    const labels = parseLabels(match[2] ?? '')
    if (Number.isFinite(value) && labels) samples.push({ name: match[1]!, labels, value })
  }
  return samples
}

function parseLabels(text: string): Record<string, string> | undefined {
  const labels: [string, string][] = []
  let at = 0
  while (text.slice(at).trim() !== '') {
    LABEL.lastIndex = at
    const match = LABEL.exec(text)
    if (!match) return undefined
    at = LABEL.lastIndex
    labels.push([match[1]!, match[2]!.replace(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c))])
  }
  return Object.fromEntries(labels)
}
