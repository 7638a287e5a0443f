// JSONata for the interpreter: what does an expression give? A line of JSON in, {"id", "expression"}; one out, {"id", "value"} or
// {"id", "error", "code"}. Ends when its input does.
const jsonata = require('jsonata');

const lines = require('readline').createInterface({ input: process.stdin });
lines.on('line', async (line) => {
  const { id, expression } = JSON.parse(line);
  let told;
  try {
    const value = await jsonata(expression).evaluate(undefined);
    told = { id, value: value === undefined || typeof value === 'function' ? null : value };
  } catch (error) {
    told = { id, error: error.message || String(error), code: error.code };
  }
  process.stdout.write(`${JSON.stringify(told)}\n`);
});
