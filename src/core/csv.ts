/** A spreadsheet takes a cell that begins with one of these characters for a formula. */
const STARTS_FORMULA = /^[=+\-@\t\r]/

/**
 * A table as CSV (RFC 4180), with the names of the columns in the first line. A cell that a spreadsheet could take for a formula begins with an
 * apostrophe, so that opening the file never runs a text from outside.
 */
export function csvText(columns: string[], rows: readonly (readonly (string | number | null)[])[]): string {
  return [columns, ...rows].map((row) => `${row.map(csvCell).join(',')}\r\n`).join('')
}

function csvCell(value: string | number | null): string {
  if (value === null) return ''
  if (typeof value === 'number') return String(value)
  const text = STARTS_FORMULA.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
