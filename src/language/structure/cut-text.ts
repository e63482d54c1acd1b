import { commentBehind } from '../parse/tree.ts'
import type { ScalarTree } from '../parse/tree.ts'
import type { Reporter } from '../problems.ts'

/**
 * Reports a text of which YAML took the end for a comment. With an expression in the comment that is certain, behind a sentence likely;
 * behind a single word it is likely only where no blank follows the "#".
 */
export function reportCutText(reporter: Reporter, name: string, scalar: ScalarTree): void {
  const comment = commentBehind(scalar, reporter.source.text)
  if (!comment) return
  const certain = comment.text.includes('${{')
  if (!certain && !isSentence(scalar) && !/^#\S/.test(comment.text)) return
  const message = `This is a comment to YAML, so ${name} ends before the "#". Put the whole text in quotes, or write it on the next line after "|"; a comment stands on a line of its own.`
  if (certain) reporter.error('cut-by-comment', comment, message)
  else reporter.warning('cut-by-comment', comment, message)
}

function isSentence({ value }: ScalarTree): boolean {
  return typeof value === 'string' && value.replaceAll(/\$\{\{.*?\}\}/gs, '').includes(' ')
}
