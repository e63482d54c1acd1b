/**
 * SQL for the time at which a person had first seen the incident `i`: acknowledged it, claimed it or decided on a proposal. The review counts
 * the same. Null if nobody did.
 */
export const SEEN_AT = `LEAST(i.acknowledged_at,
    (SELECT min(d.at) FROM runbook.gates g JOIN runbook.decisions d ON d.gate = g.id WHERE g.incident = i.id),
    (SELECT min(runbook.parsed_time(e.at)) FROM runbook.events e WHERE e.incident = i.id AND e.place IS NULL
       AND position('"kind":"claimed"' IN e.body) > 0 AND runbook.parsed_body(e.body) ->> 'kind' = 'claimed'))`
