import { readFileSync } from 'node:fs'

/** A block of YAML in a page of the documentation. */
export interface Snippet {
  /** The word after `yaml` in the code fence: runbook, scenarios, config or let; empty for an excerpt of the runbook. */
  what: string
  text: string
  heading: string
}

export function page(name: string): string {
  return readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8')
}

export function snippets(markdown: string): Snippet[] {
  return [...markdown.matchAll(/^```yaml ?(\w*)\n([\s\S]*?)^```$/gm)].map((match) => ({
    what: match[1]!,
    text: match[2]!,
    heading: [...markdown.slice(0, match.index).matchAll(/^## (.*)$/gm)].at(-1)?.[1] ?? '',
  }))
}

/** The required fields that a recipe may omit, with the name of the runbook. */
function requiredFields(name: string): Record<string, string> {
  return {
    version: 'version: 1',
    runbook: `runbook: ${name}`,
    incident: `incident: ${name}`,
    title: `title: The recipe ${name}`,
    key: `key: ${name}`,
    causes:
      'causes: [{ cause: any, title: Any, when: "size(late.rows) > 0", because: there are late rows, remedy: none }]',
    escalate: 'escalate: { to: [oncall], message: check }',
  }
}

/** A recipe with the required fields that it omits, so that it is a whole runbook. */
export function completeRecipe(text: string, name = 'recipe'): string {
  const missing = Object.entries(requiredFields(name)).filter(([field]) => !new RegExp(`^${field}:`, 'm').test(text))
  return `${missing.map(([, line]) => line).join('\n')}\n${text}`
}
