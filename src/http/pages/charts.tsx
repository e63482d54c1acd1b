import { humanDuration } from '../../core/duration.ts'
import { visibleText } from '../../core/displayable.ts'
import { cutText } from '../../core/storable.ts'

/** Charts as SVG, made on the server. The table below each chart has the same numbers, so the chart is only a picture with a label. */

const WIDTH = 660
const LEFT = 190
const RIGHT = 650
const ROW = 30
const TOP = 26
const MAX_LABEL = 26

interface TimesChartProps {
  label: string
  rows: { name: string; p50Ms: number; p90Ms: number }[]
}

/** Below this time, the scale is linear, so that 0 has a place on it. */
const LINEAR_MS = 100
const TICKS_MS = [1_000, 60_000, 3_600_000, 86_400_000, 30 * 86_400_000]

/** For each row a line from the median (circle) to the 90th percentile (square), on a logarithmic scale of time. */
export function TimesChart({ label, rows }: TimesChartProps) {
  const scale = (ms: number) => Math.log10(1 + ms / LINEAR_MS)
  const end = scale(Math.max(10_000, ...rows.map(({ p90Ms }) => p90Ms)))
  const x = (ms: number) => LEFT + Math.round((scale(ms) / end) * (RIGHT - LEFT))
  const height = TOP + rows.length * ROW + 6
  return (
    <Picture label={label} height={height}>
      {TICKS_MS.filter((ms) => scale(ms) <= end).map((ms) => (
        <>
          <path class="edge" d={`M ${x(ms)} ${TOP - 8} V ${height}`} />
          <text class="second" x={x(ms)} y={14} text-anchor="middle">
            {tickText(ms)}
          </text>
        </>
      ))}
      {rows.map(({ name, p50Ms, p90Ms }, row) => {
        const y = TOP + row * ROW + ROW / 2
        return (
          <g class="measure">
            <title>{`${visibleText(name)}: p50 ${humanDuration(p50Ms)}, p90 ${humanDuration(p90Ms)}`}</title>
            <RowName name={name} y={y} />
            <path class="range" d={`M ${x(p50Ms)} ${y} H ${x(p90Ms)}`} />
            <circle cx={x(p50Ms)} cy={y} r={5} />
            <rect x={x(p90Ms) - 4} y={y - 4} width={8} height={8} />
          </g>
        )
      })}
    </Picture>
  )
}

function tickText(ms: number): string {
  return ms >= 86_400_000 ? `${ms / 86_400_000} d` : humanDuration(ms).replace(/ 00[ms]$/, '')
}

interface ShareChartProps {
  label: string
  rows: { name: string; part: number; of: number }[]
}

/** For each row a bar with the share of a part in a whole, and the numbers as text. */
export function ShareChart({ label, rows }: ShareChartProps) {
  const bar = RIGHT - LEFT - 110
  return (
    <Picture label={label} height={TOP - 16 + rows.length * ROW + 6}>
      {rows.map(({ name, part, of }, row) => {
        const y = TOP - 16 + row * ROW + ROW / 2
        return (
          <g class="measure">
            <RowName name={name} y={y} />
            <rect class="whole" x={LEFT} y={y - 9} width={bar} height={18} />
            {of > 0 && <rect x={LEFT} y={y - 9} width={Math.round((bar * part) / of)} height={18} />}
            <text x={LEFT + bar + 8} y={y + 5}>
              {of === 0 ? 'none counted' : `${part} of ${of}`}
            </text>
          </g>
        )
      })}
    </Picture>
  )
}

function RowName({ name, y }: { name: string; y: number }) {
  const shown = visibleText(name)
  return (
    <text x={LEFT - 10} y={y + 5} text-anchor="end">
      {shown.length > MAX_LABEL ? `${cutText(shown, MAX_LABEL - 1)}…` : shown}
    </text>
  )
}

function Picture(props: { label: string; height: number; children: unknown }) {
  return (
    <div class="scroll" tabindex={0}>
      <svg class="graph chart" role="img" aria-label={visibleText(props.label)} width={WIDTH} height={props.height}>
        {props.children as never}
      </svg>
    </div>
  )
}
