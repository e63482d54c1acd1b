import type { Child } from 'hono/jsx'

/** The most rows of one table, so that a page stays small. */
const MAX_ROWS = 50

interface DataTableProps {
  caption: string
  columns: string[]
  /** The cells of each row; the first one names the row. */
  rows: Child[][]
  /** What is said instead of a table without rows. */
  empty: string
}

/** A table that scrolls by itself on a narrow screen. It says how many rows it leaves out. */
export function DataTable({ caption, columns, rows, empty }: DataTableProps) {
  if (rows.length === 0) return <p>{empty}</p>
  return (
    <>
      <div class="scroll" tabindex={0}>
        <table>
          <caption>{caption}</caption>
          <thead>
            <tr>
              {columns.map((column) => (
                <th scope="col">{column}</th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, MAX_ROWS).map(([name, ...cells]) => (
              <tr>
                <th scope="row">{name}</th>
                {cells.map((cell) => (
                  <td>{cell}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {rows.length > MAX_ROWS && (
        <p class="notice">
          Not shown: {rows.length - MAX_ROWS} more of {rows.length}.
        </p>
      )}
    </>
  )
}
