// The words of an HTML text, for searching only: tags, comments, scripts and styles go. Pure and linear.

/** Latin-1 entities in the order of their code points from U+00A0 (HTML 4.01 section 24.2). */
const LATIN1 =
  'nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 acute micro para middot cedil sup1 ordm raquo ' +
  'frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve ' +
  'Oacute Ocirc Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ' +
  'ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute thorn yuml';
const NAMED: ReadonlyMap<string, string> = new Map([
  ...LATIN1.split(' ').map((name, index) => [name, String.fromCharCode(0xa0 + index)] as const),
  ...(Object.entries({ amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", euro: '€', ndash: '–', mdash: '—', hellip: '…' }) as [string, string][]),
  ...(Object.entries({ lsquo: '‘', rsquo: '’', ldquo: '“', rdquo: '”', bull: '•', zwnj: '' }) as [string, string][]),
]);
/** What stands between two of these is one word with what touches it. */
const INLINE = /^\/?(?:a|abbr|acronym|b|big|code|em|font|i|kbd|mark|s|small|span|strike|strong|sub|sup|tt|u|wbr)$/i;

/** The text between the tags, white space collapsed. */
export function htmlText(html: string): string {
  const pieces: string[] = [];
  for (let at = 0; at < html.length; ) {
    const open = html.indexOf('<', at);
    if (open < 0 || open + 1 >= html.length) {
      pieces.push(html.slice(at));
      break;
    }
    pieces.push(html.slice(at, open));
    at = endOfTag(html, open, pieces);
  }
  return decodeEntities(pieces.join('')).replace(/\s+/g, ' ').trim();
}

/** The place behind the tag at `open`, its content too when that is no text. */
function endOfTag(html: string, open: number, pieces: string[]): number {
  if (html.startsWith('<!--', open)) return behind(html, '-->', open + 4);
  const name = /^\/?[A-Za-z][A-Za-z0-9]{0,20}/.exec(html.slice(open + 1, open + 24))?.[0] ?? '';
  if (name === '' && html[open + 1] !== '!' && html[open + 1] !== '?') {
    pieces.push('<');
    return open + 1;
  }
  const end = behind(html, '>', open + 1);
  if (!INLINE.test(name)) pieces.push(' ');
  if (!/^(?:script|style)$/i.test(name)) return end;
  const close = html.slice(end).search(new RegExp(`</${name}`, 'i'));
  return close < 0 ? html.length : behind(html, '>', end + close);
}

function behind(html: string, what: string, from: number): number {
  const at = html.indexOf(what, from);
  return at < 0 ? html.length : at + what.length;
}

function decodeEntities(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z][a-z0-9]{1,8}));?/gi, (whole, decimal?: string, hex?: string, name?: string) => {
    if (name) return NAMED.get(name) ?? NAMED.get(name.toLowerCase()) ?? whole;
    const code = decimal ? Number(decimal) : Number.parseInt(hex ?? '', 16);
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code).toWellFormed() : '';
  });
}
