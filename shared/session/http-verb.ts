// What browsers and scanners say. A page that posts a form to one of our ports must not get a word in. Pure.

const HTTP = /^(?:GET|HEAD|POST|PUT|DELETE|OPTIONS|TRACE|CONNECT|PATCH|PRI)$/;

/** True for the verb of an HTTP request, in upper case. No command of SMTP, IMAP or POP3 is one of them (but IMAP's DELETE stands behind a tag). */
export function isHttpVerb(verb: string): boolean {
  return HTTP.test(verb);
}
