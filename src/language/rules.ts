/**
 * Every rule of the compiler and the linter: what it means, and what to do. The texts are shown by `runbook explain <rule>` and in the
 * reference. The names of the rules are stable.
 */
export const RULES = {
  // The file
  'file-too-large': 'A runbook has at most 64 KiB. Split it by incident type.',
  empty: 'The file is empty.',
  'forbidden-character':
    'Control characters, and characters that reorder or hide text (bidi controls, zero-width), are not allowed: people could read something else than what runs.',

  // YAML
  'yaml-syntax':
    'The file is not valid YAML. Put values in quotes, or write them after "|", if they contain ": " or " #", or begin with a quote, a bracket or one of !&*@`%.',
  'yaml-directive': 'Directives (%YAML, %TAG) change how YAML is read, and are not supported.',
  'yaml-documents': 'One file has one runbook.',
  'yaml-nesting': 'A runbook has at most 32 levels of nesting.',
  'yaml-tag':
    'YAML reads "!" at the start of a value as a tag. Put the value in quotes, or write it after "|": when: "!queue.paused".',
  'yaml-anchor': 'YAML reads "&" at the start of a value as an anchor. Put the value in quotes.',
  'yaml-alias': 'YAML reads "*" at the start of a value as an alias. Put the value in quotes.',
  'yaml-merge-key': 'Merge keys (<<) are not supported. Write the fields out.',
  'yaml-key': 'Keys are strings. Put a key in quotes if it looks like a number, true or null.',
  'yaml-flow-split':
    'Inside { } a comma ends a value: { when: f(a, b) } has the fields "when" and "b)". Put the value in quotes.',
  'duplicate-key': 'A field or name occurs twice in the same place. One of them would be ignored.',
  'forbidden-key': '"__proto__" is not allowed as a name.',
  'bad-number': 'JSON cannot store infinite numbers and NaN.',

  // Structure
  'unknown-field': 'The field does not exist here. It is misspelt, or its indentation is wrong.',
  'missing-field': 'A required field is missing.',
  'wrong-form': 'The value has the wrong form, such as a list instead of a string, or a string instead of a number.',
  'bad-duration':
    'A duration is a whole number with one unit (ms, s, m, h, d), such as 30s, 15m or 24h. It cannot be 0.',
  'bad-name':
    'Names of runbooks, incident types, causes, remedies and groups have lower-case letters, digits and hyphens. Names that expressions read have letters, digits and "_".',
  'name-taken': 'The name already has a meaning in expressions, such as inputs, affects, targets, or a name of "let".',
  'duplicate-name': 'Two causes, or two scenarios, have the same name.',
  'no-expression-here':
    'SQL text, names and titles are used literally, so that data cannot change them. Pass values as parameters.',
  'bad-input': "The input's default, range, pattern or list of values does not match its type.",

  // Expressions
  'expression-syntax': 'The expression is not valid CEL.',
  'cut-by-comment':
    'YAML reads " #" and the text after it as a comment, and this comment looks like a part of the value before it. Put the whole value in quotes, or write it after "|".',
  'expression-too-long': 'An expression has at most 2,000 characters.',
  'expression-too-complex':
    'An expression has at most 400 operations and values and 24 levels of nesting, and its loops take at most a million steps.',
  'unknown-name':
    'An expression can read inputs, the checks of its section, the names that the section adds (affects, targets, the name in "for"), and the names of "let" that read only these.',
  'unknown-property': 'The value has no such field. The fields of check results and the declared columns are known.',
  'unknown-function': 'The function does not exist.',
  'refused-function':
    'The function exists in CEL or its library, but runbooks cannot use it: it could take very long, or read the clock.',
  'wrong-arguments': 'The function does not accept these arguments.',
  'type-mismatch': 'The value has the wrong type.',
  'not-a-condition': 'A condition must be true or false, not a list or a number. For a list, write size(x) > 0.',
  'may-be-null':
    'The value may be null: an optional input, or a column declared with "?". Check it first: x != null && …. Give it a default with .orElse(…) only where a missing value means that default.',
  'template-braces': 'Write an expression in a string as ${{ }}. {{ }} and ${ } have no special meaning.',
  'template-not-closed': 'A "${{" has no closing "}}".',

  // Checks and actions
  'unknown-check': 'The check kind does not exist.',
  'write-in-diagnose': 'Diagnosis never changes anything. Writes are actions of a remedy.',
  'unknown-action': 'The action kind does not exist.',
  'unknown-parameter': 'The kind has no such parameter.',
  'missing-parameter': 'The kind requires this parameter.',
  'bad-parameter': 'The parameter does not match the other parameters, or is out of range.',
  'unknown-connection': 'The configuration has no such connection.',
  'wrong-connection': 'The connection has a kind that this check or action cannot use.',
  'read-only-connection':
    'The connection has no "write" in the configuration, so nothing can be changed through it. "runbook connection prepare" creates both credentials.',
  'unknown-channel': 'The configuration has no such channel, so nobody would be notified.',
  'unknown-type':
    'A column has the type string, int, double, bool, duration, dyn or list(…), with "?" if NULL is allowed.',
  'cyclic-checks': 'The parameters of these checks read each other in a cycle, so none of the checks can run first.',
  'sql-write':
    'The statement of a check must only read. The role that runs it is the real protection; this rule finds mistakes early.',
  'sql-statements': 'The SQL text must have exactly one statement.',
  'sql-hidden-limit':
    'A LIMIT up to 500 rows hides that there are more rows, so conclusions about all rows could be wrong. Remove it, or count in SQL.',
  'sql-not-a-write':
    'The statement of an action must change something. Use a check, or the preview, for a statement that only reads.',
  'sql-unguarded':
    'An UPDATE or DELETE without WHERE changes every row. Select the row, and compare the values that the diagnosis has read.',
  'sql-missing-privilege':
    'The statement or its undo needs a right that "tables" does not name. "runbook connection prepare" grants only those, so the database would refuse the write.',
  'sql-parameter-count': 'The statement uses more or fewer values than "params" has.',

  // Causes and remedies
  'missing-remedy': 'Each cause needs exactly one of: a remedy, escalate, none, or a handoff.',
  'unknown-remedy': 'The remedy does not exist.',
  'unused-name': 'A name of "let" that no expression uses has no effect.',
  'unused-remedy': 'A remedy that no cause names is never proposed.',
  'unreachable-cause': 'A cause that always holds is treated first, so the causes below it are never treated.',
  'remedy-needs-affects': 'A remedy with "for" is applied to each affected item, so its causes need "affects".',
  'targets-differ': 'The causes of one remedy affect items of different types.',
  'missing-key':
    'With "for", each target needs a key. It names the target in the proposal, in permits and in the history.',
  'target-not-named':
    'An action for each target must use the target: in "where" of sql.update, in "params" of sql.execute. For an action that runs once, write once: true.',
  'key-not-distinct': 'The key does not use the target, so all targets would have the same key.',
  'nullable-key':
    "A key or lock that contains null would be shared by different items. Write a default: ${{ inputs.run.orElse('all') }}.",
  'missing-limits': 'A remedy with "for" or with approval: auto needs limits.',
  'missing-approval': 'Every write needs an approval, or approval: auto.',
  'unknown-group': 'No configured person is in this group, so nobody in it can approve.',
  'too-few-approvers':
    'The groups have fewer people than the number of required approvals, so the remedy can never be approved.',
  'weaker-than-policy':
    'A rule of "policy" in the configuration demands more than this approval. The engine applies the stricter of both.',
  'missing-verify': 'Every write needs a verification: which checks to sample, and when the system is healthy.',
  'until-reads-nothing': 'A condition that reads none of its checks has the same value in every sample.',
  'until-is-the-write':
    'A condition about nothing but the values that the remedy writes is true because of the write alone. It does not verify a recovery.',
  'like-with-more': '"like" replaces the whole verification, so no other field is allowed next to it.',
  'verify-times': '"holds" must be shorter than "within".',
  'once-for-affects':
    'An action with "once" cannot use "affects", because limits and decisions are about the proposed targets only.',
  'once-changes':
    'The checks run again after the approval. If an action with "once" would then be different, such as a message with the number of items, nothing is done to any target and a new approval is needed.',
  'batches-once': 'An action with "once" runs once, so it has no batches.',
  'detect-too-often': 'Detection samples the symptom at most once a second.',
  'detect-needs-input':
    'Detection samples the symptom with the defaults of the inputs, so each input must be optional or have a default.',
  'detect-without-symptom': 'To detect an incident by itself, the engine needs the symptom.',
  'plan-too-large': 'The compiled plan is part of each workflow, and has at most 128 kB.',
  'too-many-events':
    'A workflow run has at most 8,000 events, and an incident of this runbook could need more in the worst case.',

  // Scenarios
  'missing-result':
    'The result of a check in a scenario needs all fields of the check kind, except those that follow from a healthy system, nullable fields, and truncated, unparsed, outdated, unread and absentFields. Set the other fields once for the whole file, or for all rows in "rows".',

  // Between runbooks
  'duplicate-runbook': 'Two runbooks have the same name.',
  'duplicate-incident': 'Two runbooks treat the same incident type.',
  'unknown-incident': 'The handoff names an incident type that no runbook treats.',
  'unknown-input': 'The runbook that treats the handoff has no such input.',
  'missing-input': 'The runbook that treats the handoff requires this input.',
} as const satisfies Record<string, string>

export type Rule = keyof typeof RULES
