import { visibleText } from '../../core/displayable.ts'
import { cutText } from '../../core/storable.ts'
import type { Graph as GraphData, GraphNode } from '../../engine/views/graph.ts'

const NODE = { width: 210, height: 44 }
const GAP = { x: 70, y: 12 }
const TOP = 24
const MAX_CHARACTERS = 28

interface Placed extends GraphNode {
  x: number
  y: number
  column: number
}

/**
 * A drawing of the graph: checks → causes → what is done. The path that was taken has thick lines and is also described in words, so that
 * it does not depend on colours. The rest of the page has the same information as text.
 */
export function Graph({ graph, label }: { graph: GraphData; label: string }) {
  const placed = graph.columns.flatMap(({ nodes }, column) =>
    nodes.map((node, row): Placed => ({
      ...node,
      column,
      x: column * (NODE.width + GAP.x) + 40,
      y: TOP + row * (NODE.height + GAP.y),
    })),
  )
  const byId = new Map(placed.map((node) => [node.id, node]))
  const width = 40 + graph.columns.length * NODE.width + (graph.columns.length - 1) * GAP.x + 4
  const height = Math.max(...placed.map(({ y }) => y)) + NODE.height + 8
  return (
    <div class="scroll" tabindex={0}>
      <svg class="graph" role="img" aria-label={visibleText(label)} width={width} height={height}>
        {graph.columns.map(({ title }, column) => (
          <text class="column" x={column * (NODE.width + GAP.x) + 40} y={14}>
            {title}
          </text>
        ))}
        {graph.edges
          .toSorted((a, b) => Number(a.taken) - Number(b.taken))
          .map(({ from, to, taken }) => (
            <path class={taken ? 'edge taken' : 'edge'} d={curve(byId.get(from), byId.get(to))} />
          ))}
        {placed.map((node) => (
          <Box node={node} />
        ))}
      </svg>
    </div>
  )
}

function Box({ node: { x, y, text, state, taken } }: { node: Placed }) {
  const second = [...(taken ? ['taken'] : []), ...(state === '' ? [] : [state])].join(', ')
  return (
    <g class={taken ? 'node taken' : 'node'}>
      <title>{visibleText(`${text}${second === '' ? '' : `: ${second}`}`)}</title>
      <rect x={x} y={y} width={NODE.width} height={NODE.height} rx={4} />
      <text x={x + 8} y={y + (second === '' ? 27 : 18)}>
        {cut(text)}
      </text>
      {second !== '' && (
        <text class="second" x={x + 8} y={y + 35}>
          {cut(second)}
        </text>
      )}
    </g>
  )
}

function cut(text: string): string {
  const visible = visibleText(text)
  return visible.length > MAX_CHARACTERS ? `${cutText(visible, MAX_CHARACTERS - 1)}…` : visible
}

/** A line from the right side of one node to the left side of the other node; within a column, around the left side of the column. */
function curve(from: Placed | undefined, to: Placed | undefined): string {
  if (!from || !to) return ''
  const [y1, y2] = [from.y + NODE.height / 2, to.y + NODE.height / 2]
  if (from.column === to.column) return `M ${from.x} ${y1} C ${from.x - 36} ${y1}, ${to.x - 36} ${y2}, ${to.x} ${y2}`
  const [x1, x2] = [from.x + NODE.width, to.x]
  const middle = (x1 + x2) / 2
  return `M ${x1} ${y1} C ${middle} ${y1}, ${middle} ${y2}, ${x2} ${y2}`
}
