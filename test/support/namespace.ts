import { Connection } from '@temporalio/client'

/** Registers a namespace for one test file, so that no other file's workflows are in it. */
export async function registerNamespace(address: string, namespace: string): Promise<void> {
  const connection = await Connection.connect({ address })
  try {
    await connection.workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
    })
  } finally {
    await connection.close()
  }
}
