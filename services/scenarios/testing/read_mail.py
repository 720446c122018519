# What a program written with Python's own imaplib and poplib does: arguments are the ports of IMAP and POP3 with TLS, the certificate, user
# and password. Prints one JSON object; any answer that is not as it should be is an exception.
import imaplib
import json
import poplib
import ssl
import sys

imaps, pop3s, certificate, user, password = sys.argv[1:]
context = ssl.create_default_context(cafile=certificate)
said = {}


def ok(answer):
    kind, data = answer
    assert kind == 'OK', answer
    return data


with imaplib.IMAP4_SSL('localhost', int(imaps), ssl_context=context) as imap:
    ok(imap.login(user, password))
    said['list'] = sorted(line.decode() for line in ok(imap.list()))
    said['count'] = int(ok(imap.select())[0])
    said['found'] = ok(imap.uid('SEARCH', None, 'SUBJECT', '"second"'))[0].decode()
    message = ok(imap.uid('FETCH', said['found'], '(FLAGS RFC822.SIZE BODY.PEEK[])'))
    said['message'] = message[0][1].decode('latin1')
    ok(imap.uid('STORE', said['found'], 'FLAGS', r'(\Flagged)'))
    ok(imap.create('Python/Box'))
    ok(imap.append('Python/Box', r'(\Seen)', imaplib.Time2Internaldate(1600000000.0), b'Subject: appended\r\n\r\nby Python\r\n'))
    ok(imap.uid('COPY', said['found'], 'Python/Box'))
    said['status'] = ok(imap.status('Python/Box', '(MESSAGES UNSEEN UIDNEXT)'))[0].decode()
    ok(imap.select('Python/Box'))
    said['flags'] = [line.decode() for line in ok(imap.fetch('1:*', '(FLAGS)'))]
    said['date'] = ok(imap.fetch('1', '(INTERNALDATE)'))[0].decode()
    ok(imap.store('1', '+FLAGS', r'(\Deleted)'))
    said['expunged'] = [line.decode() for line in ok(imap.expunge())]
    ok(imap.close())
    ok(imap.delete('Python/Box'))

pop = poplib.POP3_SSL('localhost', int(pop3s), context=context)
pop.user(user)
pop.pass_(password)
said['stat'] = pop.stat()[0]
said['uidl'] = len({line.split()[1] for line in pop.uidl()[1]})
said['retr'] = b'\r\n'.join(pop.retr(2)[1]).decode('latin1')
said['top'] = b'\r\n'.join(pop.top(2, 1)[1]).decode('latin1')
said['capa'] = sorted(pop.capa())
pop.quit()
print(json.dumps(said))
