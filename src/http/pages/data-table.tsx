import type { Child } from 'hono/jsx'

/** The maximum number of rows that a table shows, so that the page stays small. */
const MAX_ROWS = 50

interface DataTableProps {
  /** Absent if the text before the table says what it shows. */
  caption?: string
  columns: string[]
  /** The cells of each row; the first one names the row. */
  rows: Child[][]
  /** The text that is shown if the table has no rows. */
  empty: string
  /** The maximum number of rows that are shown. Default: 50. */
  limit?: number
  /** The class of the row with this index. */
  rowClass?(index: number): string
}

/** A table that can be scrolled sideways on a narrow screen, under its caption, which stays in place. Below it is the number of rows that are not shown. */
export function DataTable({ caption, columns, rows, empty, limit = MAX_ROWS, rowClass }: DataTableProps) {
  if (rows.length === 0) return <p>{empty}</p>
  return (
    <>
      {caption !== undefined && <p class="caption">{caption}</p>}
      <div class="scroll" tabindex={0}>
        <table aria-label={caption}>
          <thead>
            <tr>
              {columns.map((column) => (
                <th scope="col">{column}</th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, limit).map(([name, ...cells], index) => (
              <tr class={rowClass?.(index)}>
                <th scope="row">{name}</th>
                {cells.map((cell) => (
                  <td>{cell}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {rows.length > limit && (
        <p class="notice">
          Not shown: {rows.length - limit} more of {rows.length}.
        </p>
      )}
    </>
  )
}
