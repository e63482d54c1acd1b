/** Which version of the runbooks and the configuration a process uses. */
export interface FileStatus {
  /** When this process read the version that it uses. */
  loadedAt: string
  /** The errors in the files as they are now, because of which this process keeps an older version. Empty: the files are in use. */
  problems: string[]
  /** Settings that were changed and that only a restart of the process puts into effect. */
  restart: string[]
}
