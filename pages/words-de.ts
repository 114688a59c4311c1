/** The sentences in German. */
import { FAILURES_DE } from './failures-de.ts'
import type { Words } from './words.ts'

export const de: Words = {
  proxy: 'Netzzugang',
  why: 'Warum',
  instead: 'Was Sie stattdessen tun können',
  reference: 'Referenz',
  referenceHint: 'Bitte nennen Sie diese Nummer, wenn Sie sich an Ihre IT wenden: Sie führt genau zu dieser Anfrage.',
  noReason: 'Die Regel nennt keinen Grund. Ihre IT kann Ihnen mit der Referenz unten mehr sagen.',
  noAlternative:
    'Bitten Sie die einladende Person um eine Einwahlnummer oder einen anderen Weg zur Teilnahme. Ihre IT weiß, was zur Verfügung steht.',
  connection: 'Ihre Verbindung',
  askedFor: 'Angefragt',
  lookUpAgain: 'Diesen Vorgang in den nächsten 15 Minuten noch einmal ansehen',
  whatTheProxySees: 'Was der Proxy von Ihnen sieht',
  media: {
    wired: 'Festanschluss (Kabel)',
    wireless: 'Drahtlos (WLAN)',
    vpn: 'VPN',
    mobile: 'Mobilfunk',
    unknown: 'Nicht bekannt',
  },
  segment: (id) => `Segment ${id}`,
  denied: {
    title: (service) => `${service} ist über diese Verbindung nicht zugelassen`,
    lead: (service) =>
      `Nach den Regeln Ihrer Organisation wird ${service} über die Verbindung, die Sie gerade nutzen, nicht durchgelassen. Ihr Gerät ist in Ordnung; ein neuer Versuch ändert nichts.`,
  },
  deniedAddress: {
    title: 'Diese Adresse ist über diese Verbindung nicht zugelassen',
    lead: 'Angefragt wurde eine reine Netzadresse statt eines Namens. Über die Verbindung, die Sie gerade nutzen, werden solche Anfragen nicht durchgelassen. Ihr Gerät ist in Ordnung; ein neuer Versuch ändert nichts.',
    alternative:
      'Verwenden Sie den Namen der Website oder des Dienstes, wenn Sie ihn kennen. Fragt ein Programm die Adresse immer wieder an, geben Sie bitte Ihrer IT Bescheid.',
  },
  deniedClient: {
    title: 'Diese Verbindung ist dem Proxy nicht bekannt',
    lead: 'Ihre Netzadresse gehört zu keinem der Netze, für die dieser Proxy da ist. Er lässt deshalb nichts durch.',
    reason:
      'Anfragen aus unbekannten Netzen werden nicht durchgelassen. Meist liegt das an der Einrichtung und nicht an etwas, das Sie getan haben.',
    alternative:
      'Prüfen Sie, ob Sie mit dem Netz oder dem VPN Ihrer Organisation verbunden sind. Wenn ja, geben Sie bitte Ihrer IT Bescheid.',
  },
  failure: {
    messages: FAILURES_DE,
    detail: 'Einzelheiten',
    referenceHint: 'Bitte nennen Sie diese Nummer, wenn Sie sich an Ihre IT wenden.',
    request: [
      'Die Anfrage war nicht verständlich',
      'Der Proxy kann mit dem, was das Programm gesendet hat, nichts anfangen. Ein neuer Versuch hilft wahrscheinlich nicht.',
    ],
    denied: [
      'Das ist über den Proxy nicht möglich',
      'Verbindungen dieser Art stellt der Proxy nicht her. Ein neuer Versuch ändert nichts.',
    ],
    busy: [
      'Der Proxy kann diese Anfrage gerade nicht bedienen',
      'Das sollte vorübergehen. Bitte versuchen Sie es gleich noch einmal.',
    ],
    upstream: [
      'Die Gegenseite war nicht zu erreichen',
      'Der Proxy arbeitet, hat aber vom angefragten Server keine brauchbare Antwort bekommen. Bitte prüfen Sie die Adresse oder versuchen Sie es in einigen Minuten erneut.',
    ],
    slow: [
      'Die Gegenseite hat nicht rechtzeitig geantwortet',
      'Der Proxy arbeitet, aber der angefragte Server hat zu lange gebraucht. Bitte versuchen Sie es in einigen Minuten erneut.',
    ],
    internal: [
      'Im Proxy ist etwas schiefgegangen',
      'Das liegt nicht an Ihnen. Bitte versuchen Sie es noch einmal; geschieht es wieder, geben Sie bitte Ihrer IT Bescheid.',
    ],
  },
  home: {
    title: 'Sie sind beim Netz-Proxy',
    lead: 'Ihr Webverkehr und Ihre Besprechungen laufen hier durch. Diese Seiten zeigen, was der Proxy über Ihre Verbindung weiß und warum etwas blockiert wurde.',
    whoami: 'Was der Proxy von Ihnen sieht und welche Besprechungsdienste hier möglich sind',
    blocked: 'Ihre blockierten Anfragen der letzten 15 Minuten, mit Grund und Alternative',
    pac: 'Die Proxy-Einstellungen für Ihren Browser, als Datei',
  },
  whoami: {
    title: 'Was der Proxy von Ihnen sieht',
    lead: 'Was bei Ihnen möglich ist, hängt von der Verbindung ab, die Sie gerade nutzen.',
    address: 'Ihre Adresse',
    port: 'Port',
    learnt: 'Erfahren',
    learntBy: {
      socket: 'aus der Verbindung selbst',
      'proxy-protocol': 'von einem vertrauten Lastverteiler (PROXY-Protokoll)',
      forwarded: 'von einem vertrauten Proxy (Forwarded-Kopfzeile)',
    },
    path: 'Auf dem Weg über',
    segment: 'Segment',
    medium: 'Verbindung',
    prefix: 'Netz',
    none: 'keines',
    shared: 'Diese Adresse nutzen mehrere Personen.',
    refused: 'Diese Verbindung ist dem Proxy nicht bekannt: Es wird nichts durchgelassen.',
    decisions: 'Wie jetzt entschieden würde',
    asked: 'gefragt',
    more: (shown, all) => `${shown} von ${all} Diensten; nach einem anderen fragen: /whoami?to=HOST`,
    service: 'Dienst',
    target: 'Adresse',
    decision: 'Entscheidung',
    rule: 'Regel',
    actions: {
      allow: 'zugelassen',
      log: 'zugelassen, wird aufgezeichnet',
      block: 'blockiert',
      'would-block': 'vorerst zugelassen, wird aufgezeichnet',
      except: 'durch Ausnahme zugelassen, wird aufgezeichnet',
      refuse: 'abgewiesen',
    },
  },
  blocked: {
    title: 'Ihre blockierten Anfragen',
    lead: 'Anfragen von Ihrer Adresse, die in den letzten 15 Minuten blockiert wurden, die neueste zuerst.',
    sharedLead:
      'Ihre Adresse nutzen mehrere Personen. Bitte geben Sie die Referenz ein, die Ihnen angezeigt wurde: Sie sehen dann nur diese eine Anfrage.',
    none: 'In den letzten 15 Minuten wurde nichts von Ihrer Adresse blockiert.',
    notFound: 'Zu dieser Referenz gibt es aus den letzten 15 Minuten keine blockierte Anfrage von Ihrer Adresse.',
    refusedBy: {
      guard: 'Zu Adressen dieser Art stellt der Proxy keine Verbindung her.',
      port: 'Zu diesem Port öffnet der Proxy keinen Tunnel.',
    },
    refusedInstead:
      'Ein neuer Versuch ändert nichts. Wenn Sie das brauchen, nennen Sie Ihrer IT bitte die Referenz, die hier steht.',
    lookUp: 'Nachsehen',
    when: 'Wann',
    ago: (minutes) => (minutes < 1 ? 'gerade eben' : minutes === 1 ? 'vor 1 Minute' : `vor ${minutes} Minuten`),
  },
  notFound: ['Diese Seite gibt es nicht', 'Unter dieser Adresse hat der Proxy keine Seite.'],
  forbidden: [
    'Diese Seite steht Ihnen nicht offen',
    'Der Proxy kennt Ihre Verbindung nicht. Er kann Ihnen nur zeigen, was er von Ihnen sieht.',
  ],
}
