/** Part of every payload, so that a search shows where a payload was stored or executed. */
export const MARK = 'c4nary'

/** Attacks in the place of a run's id: on SQL, Redis, Lua, shells, paths, headers, templates, CEL, YAML, JSON and logs. */
const BARE = [
  `'; DROP TABLE ${MARK}; --`,
  `"; DROP TABLE ${MARK}; --`,
  `' OR '1'='1' /* ${MARK} */`,
  `') OR 1=1; DELETE FROM ${MARK} --`,
  `\\'; DROP TABLE ${MARK}; --`,
  `$$; DROP TABLE ${MARK}; $$`,
  `$1; DROP TABLE ${MARK}`,
  `E'\\\\x27; DROP TABLE ${MARK}'`,
  `'; COMMIT; UPDATE ${MARK} SET n = 0; BEGIN; --`,
  `1; SELECT pg_sleep(60) -- ${MARK}`,
  `' UNION SELECT n::text FROM ${MARK} --`,
  `'||(SELECT n FROM ${MARK})||'`,
  `'; COPY ${MARK} TO PROGRAM 'touch ${MARK}'; --`,
  `%' ESCAPE '!' ${MARK}`,
  `{"${MARK}","x"}`,
  `{${MARK},NULL}`,
  `*\r\n$3\r\nDEL\r\n$6\r\n${MARK}\r\n`,
  `x\r\nDEL ${MARK}\r\n`,
  `x\nFLUSHALL\n${MARK}`,
  `"); redis.call('DEL', '${MARK}') --`,
  `]] redis.call('del','${MARK}') --[[`,
  `${MARK}*`,
  `[${MARK}]?*`,
  `; touch ${MARK}`,
  `$(touch ${MARK})`,
  `\`touch ${MARK}\``,
  `| touch ${MARK}`,
  `&& touch ${MARK} &`,
  `\n touch ${MARK} \n`,
  `--${MARK}`,
  `-e touch('${MARK}')`,
  `--require=./${MARK}.js`,
  `-- ${MARK}`,
  `> ${MARK}`,
  `../../${MARK}`,
  `..%2f..%2f${MARK}`,
  `%2e%2e/${MARK}`,
  `/${MARK}`,
  `//${MARK}.example/`,
  `http://${MARK}.example/`,
  `@${MARK}.example/`,
  `\\\\${MARK}\\share`,
  `?admin=${MARK}#`,
  `x HTTP/1.1\r\nx-${MARK}: 1\r\n\r\nGET /admin`,
  `%0d%0ax-${MARK}: 1`,
  `\${{ inputs.${MARK} }}`,
  `\${{ '${MARK}' }}`,
  `\${${MARK}}`,
  `{{ ${MARK} }}`,
  `" + string(1+1) + "${MARK}`,
  `'.matches('(a+)+$') || '${MARK}`,
  `!!js/function 'function(){ ${MARK} }'`,
  `&a [*a, ${MARK}]`,
  `__proto__.${MARK}`,
  `{"__proto__":{"${MARK}":1}}`,
  `<script>${MARK}</script>`,
  `<!channel> ${MARK}`,
  `\u001b[2J${MARK}\u001b]0;x\u0007`,
  `\u202e${MARK}\u2066`,
  `${MARK}\u0000; DROP TABLE ${MARK}`,
]

/** Each attack unchanged, after a valid id, before a valid id, in quotes, and URL-encoded. */
const VARIANTS = [
  (text: string) => text,
  (text: string) => `run-7${text}`,
  (text: string) => `${text} run-7`,
  (text: string) => `'${text}'`,
  (text: string) => `${encodeURIComponent(text)}.`,
]

/** The number of unchanged attacks. They are the first entries of `PAYLOADS`. */
export const BARE_PAYLOADS = BARE.length

/** 300 different payloads. */
export const PAYLOADS = VARIANTS.flatMap((variant) => BARE.map(variant))
