import { commentAfter } from '../parse/tree.ts'
import type { ScalarTree } from '../parse/tree.ts'
import type { Reporter } from '../problems.ts'

/**
 * Reports a string whose end YAML read as a comment. An error if the comment holds an expression; a warning after a sentence, and after
 * a single word if no space follows the "#".
 */
export function reportCutText(reporter: Reporter, name: string, scalar: ScalarTree): void {
  const comment = commentAfter(scalar, reporter.source.text)
  if (!comment) return
  const certain = comment.text.includes('${{')
  if (!certain && !isSentence(scalar) && !/^#\S/.test(comment.text)) return
  const message = `YAML reads this as a comment, so ${name} ends before the "#". Put the whole string in quotes, or write it on the next line after "|". If it is a comment, move it to its own line.`
  if (certain) reporter.error('cut-by-comment', comment, message)
  else reporter.warning('cut-by-comment', comment, message)
}

function isSentence({ value }: ScalarTree): boolean {
  return typeof value === 'string' && value.replaceAll(/\$\{\{.*?\}\}/gs, '').includes(' ')
}
