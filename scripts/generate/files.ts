import { configurationReference, configurationSchema } from '../../src/config/reference.ts'
import { reference } from '../../src/language/reference.ts'
import { runbookSchema, scenariosSchema } from '../../src/language/schema.ts'
import { apiPage } from './api-page.ts'
import { architecture } from './import-table.ts'
import { ruleExamples } from './rule-examples.ts'

const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`

/**
 * Everything in this repository that is generated, except the tables of kinds (kind-tables.ts): the path of each file and the function that makes its text.
 * `npm run generate` writes these files;
 * test/unit/generated.test.ts compares them.
 */
export const GENERATED_FILES: Record<string, () => string> = {
  'schema/runbook.json': () => json(runbookSchema()),
  'schema/scenarios.json': () => json(scenariosSchema()),
  'schema/configuration.json': () => json(configurationSchema()),
  'docs/reference.md': reference,
  'docs/configuration.md': configurationReference,
  'docs/api.md': apiPage,
  'ARCHITECTURE.md': architecture,
  'src/cli/render/rule-examples.json': () => json(ruleExamples()),
}
