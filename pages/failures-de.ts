/** What failed, in German: by the sentence in English. Of what is not here only engineers read, and the pages say it in English. */
export const FAILURES_DE: Readonly<Record<string, string>> = {
  'The request was not understood.': 'Die Anfrage war nicht verständlich.',
  'The request ended too early.': 'Die Anfrage brach vorzeitig ab.',
  'X-Forwarded-For and Forwarded name different clients.': 'X-Forwarded-For und Forwarded nennen verschiedene Clients.',
  'The request did not arrive in time.': 'Die Anfrage kam nicht rechtzeitig an.',
  'The request stood still for too long.': 'Die Anfrage stand zu lange still.',
  'The header section of the request is too large.': 'Der Kopf der Anfrage ist zu groß.',
  'The request has been through this proxy before.': 'Die Anfrage ist schon einmal durch diesen Proxy gegangen.',
  'The name could not be resolved.': 'Zu dem Namen war keine Adresse zu finden.',
  'The name server did not answer in time.': 'Der Nameserver hat nicht rechtzeitig geantwortet.',
  'This proxy does not connect to addresses of that kind.':
    'Zu Adressen dieser Art stellt der Proxy keine Verbindung her.',
  'This proxy does not open tunnels to that port.': 'Zu diesem Port öffnet der Proxy keinen Tunnel.',
  'The pages of this proxy are plain HTTP, not to be reached through a tunnel.':
    'Die Seiten des Proxys sind einfaches HTTP und nicht durch einen Tunnel zu erreichen.',
  'The pages of this proxy are for reading (GET, HEAD).': 'Die Seiten des Proxys sind nur zum Lesen da (GET, HEAD).',
  'The pages of this proxy take no body.': 'Die Seiten des Proxys nehmen keinen Inhalt an.',
  'The tunnel was cut by policy.': 'Der Tunnel wurde nach den Regeln getrennt.',
  'The tunnel began as TLS or HTTP but gave no well-formed ClientHello or head.':
    'Der Tunnel begann als TLS oder HTTP, doch was folgte, war kein gültiges ClientHello und kein gültiger Kopf.',
  'The tunnel began as TLS or HTTP but its ClientHello or head did not arrive in time.':
    'Der Tunnel begann als TLS oder HTTP, doch ClientHello oder Kopf kamen nicht rechtzeitig an.',
  'The server refused the connection.': 'Der Server hat die Verbindung abgelehnt.',
  'The server did not accept the connection in time.': 'Der Server hat die Verbindung nicht rechtzeitig angenommen.',
  'The server closed the connection before it answered.': 'Der Server hat die Verbindung ohne Antwort geschlossen.',
  'The server did not answer in time.': 'Der Server hat nicht rechtzeitig geantwortet.',
  'The server switched to a protocol that was not asked for.':
    'Der Server ist zu einem Protokoll gewechselt, um das ihn niemand gebeten hat.',
  'The answer of the server breaks the rules of HTTP.': 'Die Antwort des Servers verletzt die Regeln von HTTP.',
  'The answer of the server ended too early.': 'Die Antwort des Servers brach vorzeitig ab.',
  'The header section of the answer is too large.': 'Der Kopf der Antwort ist zu groß.',
  'There is no way to the network of the server.': 'Zum Netz des Servers führt kein Weg.',
  'The next proxy did not open the way to the server.': 'Der nächste Proxy hat den Weg zum Server nicht geöffnet.',
  'The next proxy answered # and did not open the way to the server.':
    'Der nächste Proxy hat mit # geantwortet und den Weg zum Server nicht geöffnet.',
  'Too many tunnels are open from this address.': 'Von dieser Adresse aus sind zu viele Tunnel offen.',
  'The proxy has no more connections to give.': 'Der Proxy hat keine freien Verbindungen mehr.',
  'The client went away.': 'Das Programm, das gefragt hatte, ist nicht mehr da.',
  'The proxy is shutting down.': 'Der Proxy wird gerade beendet.',
  'The proxy cannot write its record now, and lets nothing through that must be recorded. Please try again later.':
    'Der Proxy kann gerade nichts aufzeichnen und lässt nichts durch, was aufgezeichnet werden muss. Bitte versuchen Sie es später erneut.',
  'The proxy failed.': 'Im Proxy ist ein Fehler aufgetreten.',
}
