// What the parsers throw and the session answers with a tagged BAD: the one exception of this service that is no bug. Thrown and not
// returned, because it ends a parse from any depth.

export class BadSyntax extends Error {
  override readonly name = 'BadSyntax';

  /** `text`: one line of ASCII for the client; never contains what the client sent. */
  constructor(text: string) {
    super(text);
  }
}
