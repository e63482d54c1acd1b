/**
 * Every rule by which a runbook can be refused, with what is behind it and what to do: for `runbook explain <rule>` and the
 * reference. The names are stable.
 */
export const RULES = {
  // The file
  'file-too-large': 'A runbook has at most 64 KiB. Split it by incident type.',
  empty: 'The file holds no runbook.',
  'forbidden-character':
    'Control characters, and characters that turn or hide text (bidi controls, zero-width), may not stand in a runbook: it could read other than it runs.',

  // YAML
  'yaml-syntax':
    'The file is not YAML. Values that hold ": ", " #", or begin with a quote, a bracket or one of !&*@`% are quoted, or written after "|".',
  'yaml-directive': 'Directives (%YAML, %TAG) change how the rest is read, and are not part of the language.',
  'yaml-documents': 'One file holds one runbook.',
  'yaml-nesting': 'At most 32 levels.',
  'yaml-tag':
    'A "!" at the beginning of a value is a tag in YAML. Quote the value, or write it after "|": when: "!queue.paused".',
  'yaml-anchor': 'A "&" at the beginning of a value is an anchor in YAML. Quote the value.',
  'yaml-alias': 'A "*" at the beginning of a value is an alias in YAML. Quote the value.',
  'yaml-merge-key': 'Merge keys (<<) are not part of the language.',
  'yaml-key': 'Keys are texts. Quote what looks like a number, true or null.',
  'yaml-flow-split':
    'Inside { } a comma ends a value: { when: f(a, b) } has the fields "when" and "b)". Quote the value.',
  'duplicate-key': 'A field or name stands twice in the same place; one of them would be ignored.',
  'forbidden-key': '"__proto__" cannot be a name.',
  'bad-number': 'Infinite numbers and NaN cannot be held in JSON.',

  // Structure
  'unknown-field': 'The field does not exist here: misspelt, or indented wrongly.',
  'missing-field': 'A field that is needed is missing.',
  'wrong-form':
    'The field holds something of another form: a list where a text belongs, a text where a number belongs.',
  'bad-duration': 'Durations are a whole number with one unit (ms, s, m, h, d), such as 30s, 15m, 24h, and never 0.',
  'bad-name':
    'Names of runbooks, incident types, causes, remedies and groups are of lower-case letters, digits and hyphens; names that expressions use are of letters, digits and "_".',
  'name-taken': 'The name means something else in expressions already, such as inputs, affects or targets.',
  'duplicate-name': 'Two causes have one name.',
  'no-expression-here':
    'What becomes SQL text, a name or a title is taken as it stands, so that no data can change it. Pass values as parameters.',
  'bad-input': "An input's default, range, pattern or list of values does not fit its type.",

  // Expressions
  'expression-syntax': 'The expression is not CEL.',
  'cut-by-comment':
    'YAML takes " #" and what follows for a comment, and this one reads like a part of the text or expression before it. Put the whole in quotes, or write it after "|".',
  'expression-too-long': 'An expression has at most 2,000 characters.',
  'expression-too-complex':
    'An expression holds at most 400 operations and values, is nested at most 24 levels, and its loops take at most a million steps.',
  'unknown-name':
    'Expressions know inputs, the checks of their place, and what the place adds (affects, targets, the name after for).',
  'unknown-property': 'The value has no such field: the results of check kinds and the declared columns are known.',
  'unknown-function': 'There is no such function.',
  'refused-function':
    'CEL or its library has this function, and the language does not: it could take for ever, or read the clock.',
  'wrong-arguments': 'The function does not take these arguments.',
  'type-mismatch': 'A value of one type stands where another is needed.',
  'not-a-condition': 'Conditions are true or false. A list or number is none: write size(x) > 0.',
  'may-be-null':
    'The value may be null: an optional input, a column declared with "?". Say what then, with .orElse(…), or ask first: x != null && ….',
  'template-braces':
    'An expression in a text is written ${{ }}. {{ }} and ${ } are nothing special, and stay as they stand.',
  'template-not-closed': 'A "${{" has no "}}".',

  // Checks and actions
  'unknown-check': 'There is no such check kind.',
  'write-in-diagnose': 'Diagnosis never changes anything: what changes things is an action of a remedy.',
  'unknown-action': 'There is no such action kind.',
  'unknown-parameter': 'The kind has no such parameter.',
  'missing-parameter': 'The kind needs this parameter.',
  'bad-parameter': 'The parameter does not fit the others, or is out of range.',
  'unknown-connection': 'The configuration has no such connection.',
  'wrong-connection': 'The connection is of a kind that this check or action cannot use.',
  'read-only-connection':
    'The connection has no "write" in the configuration: nothing can be changed through it. "runbook connection prepare" makes both sides.',
  'unknown-channel': 'The configuration has no such channel: nobody would be told.',
  'unknown-type': 'Columns are string, int, double, bool, duration, dyn or list(…), with "?" where NULL is allowed.',
  'cyclic-checks': 'Checks whose parameters read each other in a circle cannot be run.',
  'sql-write':
    'The statement of a check only reads. The real boundary is the role that runs it; this finds slips early.',
  'sql-statements': 'Exactly one statement.',
  'sql-hidden-limit':
    'A LIMIT within the cap of 500 rows hides that there are more, and conclusions from "all" rows would be wrong. Leave it out, or count in SQL.',
  'sql-not-a-write': 'The statement of an action changes something; what only reads is a check, or the preview.',
  'sql-unguarded':
    'An UPDATE or DELETE without WHERE is for every row there is. Name the row, and what the diagnosis saw in it.',
  'sql-parameter-count': 'The statement and "params" disagree about how many values there are.',

  // Causes and remedies
  'missing-remedy': 'Each cause says what follows: a remedy, escalate, none, or a handoff; exactly one.',
  'unknown-remedy': 'There is no remedy of this name.',
  'unused-remedy': 'A remedy that no cause names can never be proposed.',
  'unreachable-cause': 'A cause that always holds is treated first, so those beneath it are never reached.',
  'remedy-needs-affects': 'A remedy with "for" is done for each affected thing, so its causes say what they affect.',
  'targets-differ': 'The causes of one remedy affect things of different types.',
  'missing-key':
    'With "for", each target needs a key, by which it is named in the proposal, in permits and in the history.',
  'target-not-named':
    'What is done for each target must say which: "where" of sql.update, "params" of sql.execute. Else it is done once: once: true.',
  'key-not-distinct': 'The key does not use the target, so that all targets would be one.',
  'nullable-key':
    "A key or lock with null in it would be shared by different things. Write the default: ${{ inputs.run.orElse('all') }}.",
  'missing-limits': 'What is done for many targets, or without approval, needs limits.',
  'missing-approval': 'Every write needs an approval, or says approval: auto.',
  'unknown-group': 'Nobody of the configured people is in this group, so nobody of it can approve.',
  'too-few-approvers': 'More people must approve than there are in the groups that may: it can never be approved.',
  'missing-verify': 'Every write is verified: what is looked at, until when things count as healthy.',
  'until-reads-nothing': 'A condition that reads none of its checks says the same at every look.',
  'until-is-the-write':
    'A condition that asks only for what the remedy itself writes holds by the write alone, and says nothing of recovery.',
  'like-with-more': '`like` stands for a whole verification, so no other field may be beside it.',
  'verify-times': 'It must hold for a shorter time than it is looked at.',
  'once-for-affects':
    'What is done once for all targets may not name all that is affected: limits and decisions are about targets.',
  'batches-once': 'What is done once has no batches.',
  'detect-without-symptom': 'To detect an incident by itself, the engine needs its symptom.',
  'plan-too-large': 'The compiled plan travels with each incident and has at most 128 kB.',
  'too-many-events': 'One incident is one workflow run; at worst it may take 8,000 events.',

  // Scenarios
  'missing-result':
    'What a scenario says that a check finds must have all fields of that kind\'s result. What may be null, and truncated, may be left out; the rest is given once for the whole file, or for each row in "rows".',

  // Between runbooks
  'duplicate-runbook': 'Two runbooks have one name.',
  'duplicate-incident': 'Two runbooks treat one incident type.',
  'unknown-incident': 'A handoff goes to an incident type that no runbook treats.',
  'unknown-input': 'The runbook at the other end of the handoff has no such input.',
  'missing-input': 'The runbook at the other end of the handoff needs this input.',
} as const satisfies Record<string, string>

export type Rule = keyof typeof RULES
