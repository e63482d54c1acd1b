/** The version of the runbooks and the configuration that a process uses. */
export interface FileStatus {
  /** When this process read the version that it uses. */
  loadedAt: string
  /** The errors in the present files, because of which this process keeps an older version. Empty if the present files are in use. */
  problems: string[]
  /** Settings that were changed and take effect only when the process is restarted. */
  restart: string[]
}
