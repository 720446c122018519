// Text cut by its octets in UTF-8. Pure.

/** The text in pieces of at most `most` octets, cut between characters; one piece at least. */
export function octetPieces(text: string, most: number): string[] {
  const pieces: string[] = [];
  let piece = '';
  let octets = 0;
  for (const character of text) {
    const size = Buffer.byteLength(character);
    if (octets + size > most) {
      pieces.push(piece);
      piece = '';
      octets = 0;
    }
    piece += character;
    octets += size;
  }
  return [...pieces, piece];
}
