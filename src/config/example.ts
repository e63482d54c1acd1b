/** The example at the beginning of docs/configuration.md. A test loads it as a configuration. */
export const EXAMPLE = `# yaml-language-server: $schema=schema/configuration.json
database: \${RUNBOOK_DATABASE_URL} # the engine's own history; not the database of your application
temporal: { taskQueue: runbook }
runbooks: [runbooks]
environment: production

connections:
  shop-db:
    kind: postgres
    read: \${SHOP_DB_READ} # a login that can only read, for checks
    write: \${SHOP_DB_WRITE} # a login for approved actions
    ledger: target
    redact: [email, card_number] # never stored
  shop-queue:
    kind: bullmq
    read: \${SHOP_REDIS_READ}
    write: \${SHOP_REDIS_WRITE}
    queue: payouts
  gateway:
    kind: http
    url: \${GATEWAY_URL}
  shop-logs:
    kind: logs
    files: [/var/log/shop/*.log]

people:
  alice: { token: "\${TOKEN_ALICE}", groups: [oncall] }
  bob: { token: "\${TOKEN_BOB}", groups: [oncall, support] }
signing: { key: "\${RUNBOOK_SIGNING_KEY}" }
requesterMayApprove: false

channels: # a name in "escalate.to" of a runbook is a channel, and the group of people with the same name
  oncall: { slack: "\${SLACK_ONCALL}" }
  support: { slack: "\${SLACK_SUPPORT}" }

policy: # whatever a runbook says
  - name: two people for production
    match: { environment: [production] }
    count: 2
`
