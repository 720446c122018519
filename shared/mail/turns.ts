// Turns of the event loop for work that may be long: whoever works in pieces asks between two of them, and all who do so at once keep the loop
// together no longer than one of them may. Owns who waits for the next turn.

/** Milliseconds of one turn of the loop that such work may take. */
const MOST = 10;

const waiting: (() => void)[] = [];
let began = 0;
let turning = false;

/** Undefined: go on. Else it is time for others; resolves when there is time again. */
export function turn(): Promise<void> | undefined {
  if (!turning) begin();
  if (performance.now() - began < MOST) return undefined;
  const { promise, resolve } = Promise.withResolvers<void>();
  waiting.push(resolve);
  return promise;
}

function begin(): void {
  turning = true;
  began = performance.now();
  setImmediate(() => void goOn());
}

/** Those who waited go on one after another while there is time. */
async function goOn(): Promise<void> {
  turning = false;
  if (waiting.length > 0) begin();
  for (let next = waiting.shift(); next; next = performance.now() - began < MOST ? waiting.shift() : undefined) {
    next();
    await Promise.resolve(); // its work, up to where it waits
  }
}
