import { untilSteps, type Fault } from './fault.ts'

/** Stops the ML inference service. The steps that call it use up their attempts. */
export const dependencyDown: Fault = {
  name: 'dependency-down',
  title: 'The ML inference service is down',
  async inject(context) {
    await context.control.stopService('ml-inference')
    const runs = await context.startRuns('classify', 3)
    await untilSteps(context, runs, 'three failed runs', (rows) => rows.every((row) => row.run_status === 'FAILED'))
    const port = context.control.state.ports['ml-inference']
    return {
      runs,
      symptoms: [
        `http://127.0.0.1:${port}/health does not answer`,
        `3 runs are FAILED with the reason "Connection refused"; their jobs are in the failed set after 3 attempts`,
        'the worker logs have step.failed with "connect ECONNREFUSED", only for the step type ml-inference',
        '"npx runbook trigger task-failure --input since=10m" finds them',
      ],
    }
  },
  async heal({ control }) {
    await control.startService('ml-inference')
    return 'ml-inference is running again; the failed jobs can be retried'
  },
  async isOn({ control }) {
    const { services } = await control.status()
    return services.some((service) => service.name === 'ml-inference' && service.state === 'stopped')
  },
}
