/**
 * oxlint rule `runbook/sql-text`: SQL text comes from the source alone. What is inserted with `${}` or added with + must be a constant
 * of the module (UPPER_CASE), an alias of one, or the result of a function that quotes names or numbers parameters. Everything else is
 * a value, and values are parameters ($1).
 */

const BEGINS_LIKE_SQL =
  /^\s*(SELECT|INSERT|UPDATE|DELETE|WITH|BEGIN|SET|CREATE|ALTER|DROP|GRANT|REVOKE|TRUNCATE|CALL|COPY|LOCK|MERGE|PREPARE|EXECUTE|DECLARE|FETCH|EXPLAIN)\s/

/** Functions that quote their argument, or return `$1` for it and keep the value as a parameter. */
const SAFE_FUNCTIONS = new Set(['escapeIdentifier', 'escapeLiteral', 'quoted', 'quotedTable', 'bind', 'guard'])

function isSafe(node, scope, depth = 0) {
  if (depth > 5) return false
  const inside = (other) => isSafe(other, scope, depth + 1)
  switch (node.type) {
    case 'Literal':
      return true
    case 'TemplateLiteral':
      return node.expressions.every(inside)
    case 'ConditionalExpression':
      return inside(node.consequent) && inside(node.alternate)
    case 'Identifier':
      return /^[A-Z][A-Z0-9_]*$/.test(node.name) || isSafeConstant(node.name, scope, depth)
    case 'ArrowFunctionExpression':
      return node.body.type !== 'BlockStatement' && inside(node.body)
    case 'ArrayExpression':
      return node.elements.every((element) => element?.type === 'SpreadElement' || inside(element))
    case 'CallExpression':
      return isSafeCall(node, inside)
    default:
      return false
  }
}

function isSafeCall({ callee, arguments: given }, inside) {
  const name = callee.type === 'MemberExpression' ? callee.property.name : callee.name
  if (SAFE_FUNCTIONS.has(name)) return true
  // A method call such as names.map(quoted).join(', ') is safe if it makes a list of safe strings.
  if (callee.type !== 'MemberExpression') return given.every(inside) && inside(callee)
  if (name === 'join') return inside(callee.object)
  if (name === 'map') return isSafeMapper(given[0], inside)
  return false
}

function isSafeMapper(mapper, inside) {
  if (mapper?.type === 'Identifier') return SAFE_FUNCTIONS.has(mapper.name)
  return mapper?.type === 'ArrowFunctionExpression' && inside(mapper)
}

/** Whether this is a `const` of the file whose value is safe. */
function isSafeConstant(name, scope, depth) {
  for (let at = scope; at; at = at.upper) {
    const variable = at.set?.get(name)
    if (!variable) continue
    const [definition] = variable.defs
    const declared = definition?.node
    if (declared?.type !== 'VariableDeclarator' || definition.parent?.kind !== 'const' || !declared.init) return false
    return declared.id.type === 'Identifier' && isSafe(declared.init, at, depth + 1)
  }
  return false
}

const sqlText = {
  meta: { type: 'problem', docs: { description: 'Values are SQL parameters, never part of the SQL text.' } },
  create(context) {
    const report = (node) =>
      context.report({ node, message: 'A value in SQL text: pass it as a parameter ($1), or quote the name.' })
    const check = (parts, begin, node) => {
      if (!BEGINS_LIKE_SQL.test(begin)) return
      const scope = context.sourceCode.getScope(node)
      for (const part of parts) if (!isSafe(part, scope)) report(part)
    }
    return {
      TemplateLiteral(node) {
        check(node.expressions, node.quasis[0].value.raw, node)
      },
      BinaryExpression(node) {
        if (node.operator === '+' && typeof node.left.value === 'string') check([node.right], node.left.value, node)
      },
    }
  },
}

export default { meta: { name: 'runbook' }, rules: { 'sql-text': sqlText } }
