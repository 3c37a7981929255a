"""What is withheld: numbers and secrets from models and from the air, and sentences that our voice must not say.

`withhold` is the default of the `Redact` hook. Card and social security numbers are known to `cleaning`; here are
codes and identity numbers by the name before them, in the languages of the phrases, account numbers, and numbers with
the check digit of a card. Names, addresses and phone numbers stay: the supervisor needs them. Whoever wants more
withheld gives a hook of their own.

`may_be_said` judges a sentence that a model wrote. It need not be exact: what it takes for wrong is left out.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

import structlog

from ari_app.briefing.cleaning import WITHHELD, withhold_numbers
from ari_app.briefing.intent import Intent, read_intent

log = structlog.get_logger(__name__)

Redact = Callable[[str], str]
"Gives a text without what must not leave; it may raise, then nothing of the text leaves."

TEXT_WITHHELD = "text withheld"
LONGEST_NUMBER = 120
"Characters within which a number ends that is too short to be known as one; spoken digits are words."

_HIDDEN = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_LINE_ENDS = str.maketrans(dict.fromkeys("\x0b\x0c\r\x85\u2028\u2029", "\n"))
_OTHERS = frozenset({"Cc", "Cf", "Cs", "Co"})

_LINK = r"(?:[\s:#.,=\"'-]|is|es|est|ist|lautet|number|no|nr|n[uú]m[eé]ro|nummer|code|my|mi|mon|meine?|the){0,12}?"
_CODE_NAMES = (
    r"c[oó]digo de seguridad|code de s[ée]curit[ée]|code secret|code confidentiel|cryptogramme|sicherheitscode|"
    r"pr[üu]fziffer|kartenpr[üu]fnummer|geheimzahl|clave|cvv2?|cvc2?|security code|pin"
)
_ID_NAMES = (
    r"passport|pasaporte|passeport|reisepass|(?:personal)?ausweis|dni|nie|nif|steuer-?id|national id|id card|ssn|"
    r"social security|seguridad social|s[ée]curit[ée] sociale|sozialversicherung\w{0,8}|driver'?s licen[cs]e"
)
_SECRET_NAMES = (
    r"password|passwd|passcode|passphrase|passwort|kennwort|contraseña|mot de passe|"
    r"secret|token|credential|api[_ -]?key"
)
_ID = (
    r"(?:[a-z]{0,3}[ -]?\d(?:[ .-]?\d){3,14}[ -]?[a-z]?\b|(?=[a-z0-9]{5,20}\b)[a-z]{0,20}\d[a-z]{0,20}\d[a-z0-9]{0,20})"
)
_QUOTES = r"[\s\\\"']{0,6}"
"JSON within JSON has its quotes escaped."
_NAMED = (
    re.compile(rf"(?i)\b(?:{_CODE_NAMES})\b{_LINK}\d(?:[ .-]?\d){{2,7}}(?!\d)"),
    re.compile(rf"(?i)\b(?:{_ID_NAMES})\b{_LINK}{_ID}"),
    # As a setting or in JSON whatever the value; in a sentence only what looks like one: "my password is wrong" stays.
    re.compile(rf"(?i)\b[\w-]{{0,20}}(?:{_SECRET_NAMES})[\w-]{{0,20}}{_QUOTES}[:=]{_QUOTES}[^\s\\\"',;}}]+"),
    re.compile(rf"(?i)\b(?:{_SECRET_NAMES})\s(?:is|es|est|ist|lautet)\s(?=\S*[\d_$!@#%])\S+"),
)
_DIGIT = (
    r"(?:\d|cero|uno|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|z[ée]ro|un|deux|trois|quatre|cinq|six|sept|huit|neuf|"
    r"null|eins|zwei|zwo|drei|vier|fünf|sechs|sieben|acht|neun)"
)
_SPOKEN = re.compile(rf"(?i)\b(?:{_DIGIT}[\s,.\-]+){{11,}}{_DIGIT}\b")
_ACCOUNT = re.compile(r"(?i)\b[a-z]{2}\d{2}(?:[ -]?[a-z]{4})?(?:[ -]?(?=[a-z]{0,5}\d)[a-z0-9]{1,30}+){1,8}+\b")
_LONG_NUMBER = re.compile(r"(?<![\d+])\d(?:[ .-]?\d){11}(?!\d)")

_SECRET_KEY = re.compile(
    r"pass(?!eng)|pwd|secret|token|auth|api ?key|access ?key|private ?key|card|cvv|cvc|ssn|"
    r"\bpins?\b|\bpan\b|\botp\b|social|iban|credential|cookie|signature|kennwort|contraseña|"
    r"pasaporte|ausweis|\bdni\b|\bnie\b|\bnif\b"
)


def withhold(text: str) -> str:
    """The text without card, account, social security and identity numbers, security codes and passwords."""
    text = visible(text)
    for pattern in _NAMED:
        text = pattern.sub(f" {WITHHELD} ", text)
    text = _ACCOUNT.sub(_unless_short, text)
    text = withhold_numbers(_SPOKEN.sub(f" {WITHHELD} ", text))
    return _LONG_NUMBER.sub(_unless_unchecked, text)


def guarded(redact: Redact) -> Redact:
    """The hook as it may be used: it sees what a reader would see, and when it fails nothing is sent unredacted."""

    def redacted(text: str) -> str:
        try:
            return visible(redact(visible(text)))
        except Exception as error:
            log.error("redaction failed, the text is withheld", reason=type(error).__name__)
            return TEXT_WITHHELD

    return redacted


def visible(text: str) -> str:
    """The text without what nobody sees: control, formatting and direction marks; every end of line is the same one.
    Hidden characters between digits hide a number from a pattern, though not from a reader."""
    if text.isascii():
        return _HIDDEN.sub("", text.translate(_LINE_ENDS))
    plain = unicodedata.normalize("NFKC", text.translate(_LINE_ENDS))
    return "".join(char for char in plain if char in "\n\t" or unicodedata.category(char) not in _OTHERS)


def names_a_secret(key: str) -> bool:
    """Whether the value under this name is nobody's business, such as ``cardNumber`` or ``api_key``."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[_\W]+", " ", visible(key[:80]))
    return _SECRET_KEY.search(apart.lower()) is not None


def _unless_short(found: re.Match[str]) -> str:
    """Account numbers (IBAN, ISO 13616) have fifteen characters and more, most of them digits."""
    text = found.group()
    is_account = sum(char.isalnum() for char in text) >= 15 and sum(char.isdigit() for char in text) >= 8
    return f" {WITHHELD} " if is_account else text


def _unless_unchecked(found: re.Match[str]) -> str:
    """Cards of twelve digits are told from phone numbers by their check digit (ISO/IEC 7812-1, annex B)."""
    digits = [int(char) for char in found.group() if char.isdigit()]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return f" {WITHHELD} " if (sum(digits[::-2]) + sum(doubled)) % 10 == 0 else found.group()


# What our voice must not say; in all languages at once, since a model may answer in another one than it is asked in

_TELLS_KEYS = re.compile(
    r"""(?xi)
    \bpress(?:es|ed|ing)?\s(?:\w+\s){0,2}?(?:\d|one|two|three|star|hash|pound|keys?|keypad)\b
    | \b(?:hit|dial|push|tap|enter)\s(?:the\s|key\s)?(?:\d|key)\b
    | \bsay(?:ing)?\s["']?(?:yes|accept|okay)\b
    | \b(?:please|must|should|have\sto|need\sto)\s(?:now\s)?accept\s(?:the|this)\s(?:call|caller|transfer)\b
    | \b(?:puls[ae]r?|presion[ae]r?|oprim(?:a|e|ir)|marque|marcar?|teclee)\s
      (?:(?:la|el)\s)?(?:tecla|n[uú]mero\s\d|\d|uno|dos|tres|asterisco|almohadilla)\b
    | \b(?:diga|di|decir|responda)\s["']?sí\b
    | \b(?:appuye[rz]|appuie|tape[rz]|presse[rz]|composez)\b.{0,20}?\b(?:\d|touche|un|deux|trois|étoile|dièse)\b
    | \b(?:dites|dire|répondez)\s["']?oui\b
    | \b(?:drück|tipp|wähl)\w*\b.{0,15}?\b(?:\d|eins|zwei|drei|taste|raute)\b
    | \btaste\s(?:\d|eins|zwei|drei)\b
    | \bsag(?:en|t|e)?\s(?:sie\s)?(?:einfach\s)?["']?ja\b
    """
)
_CLAIMS = re.compile(
    r"""(?xi)
    \b(?:i|we)(?:\s|')(?:am|m|are|re|will|ll|have|ve)\s(?:\w+\s){0,2}?
      (?:connect|transferr?|patch|join|accept|bridg|put(?:ting)?\s(?:\w+\s){1,3}through\b)
    | \b(?:connecting|transferring|patching|putting)\s(?:you|them|him|her|the\s(?:call|caller)|us)\b
    | \byou(?:\s|')(?:are|re|will\sbe|ll\sbe|have)\s(?:\w+\s)?(?:connected|accepted|put\sthrough|joined)\b
    | \b(?:call|caller|transfer)\s(?:is|has\sbeen|will\sbe)\s(?:now\s|already\s)?
      (?:connected|accepted|put\sthrough|joined)\b
    | \b(?:they|he|she)(?:\s|')(?:are|re|is|s|will\sbe)\s(?:now\s)?(?:connected|being\sconnected|on\sthe\sline)\b
    | \bsupervisor\s(?:has\s|already\s)*accepted\b
    | \b(?:le|lo|la|les|los|te)\s(?:(?:estoy|voy\sa)\s)?
      (?:conect(?:o|ar|ando)|comunic(?:o|ar|ando)|pas(?:o|ar|ando)|transf(?:iero|erir|iriendo))\b
    | \b(?:estoy|estamos|voy\sa|vamos\sa|he|hemos)\s(?:conect|comunic|transf|acept)\w+
    | \b(?:conectándo|comunicándo|pasándo|transfiriéndo)\w+
    | \bllamada\s(?:ya\s)?(?:está|ha\ssido|queda)\s(?:ya\s|ahora\s)?(?:conectada|aceptada|transferida)\b
    | \best(?:á|án|ás|amos)\s(?:ya\s|ahora\s)?(?:conectad|comunicad)\w+
    | \bje\s(?:(?:vous|le|la|les|te)\s)*(?:mets|mettrai|connecte|passe|transfère|relie|accepte)\b
    | \bje\svais\s(?:(?:vous|le|la|les|te)\s)*(?:mettre|connecter|passer|transférer|accepter)\b
    | \bj'ai\s(?:accepté|connecté|transféré|mis\s.{0,20}relation)\b
    | \bappel\s(?:est|a\sété)\s(?:maintenant\s)?(?:connecté|accepté|transféré|pris)\b
    | \bvous\sêtes\s(?:maintenant\s)?(?:connectés?|en\srelation)\b
    | \bich\s(?:verbinde\b|(?:stelle|leite)\b.{0,30}\b(?:durch|weiter)\b|nehme\b.{0,30}\ban\b
      |(?:habe|werde)\b.{0,40}\b(?:verbunden|verbinden|angenommen|annehmen|durchgestellt|durchstellen)\b)
    | \b(?:ist|sind|wird|werden)\b.{0,30}\b(?:verbunden|durchgestellt|angenommen)\b
    """
)
_ASKS_FOR_SECRETS = re.compile(
    r"""(?xi)
    \b(?:tell|give|enter|type|say|read|provide|confirm|share|what(?:'s|\sis))\b.{0,30}\byour\b.{0,30}
      \b(?:password|passcode|pin|code|credentials?|key|number)\b
    | \b(?:diga|dígame|introduzca|indique|ingrese|teclee|confirme|deme)\b.{0,40}\b(?:contraseña|clave|pin|código)\b
    | \b(?:dites|donnez|entrez|saisissez|tapez|indiquez|confirmez)\b.{0,40}\b(?:mot\sde\spasse|code|pin)\b
    | \b(?:nennen|geben|sagen|tippen|bestätigen)\ssie\b.{0,40}\b(?:passwort|kennwort|pin|code)\b
    """
)
_IS_A_CALL = re.compile(r"[{}<>\[\]]|\b\w+\((?:[^()]*[=\"'][^()]*)?\)|\btool_?call|\bfunction_?call")


def may_be_said(sentence: str, language: str = "en") -> bool:
    """Whether this sentence of a model's may be spoken to a supervisor. Not if it tells what to press or say, asks for
    secrets, claims that somebody is connected, is a tool call, or is itself an acceptance: the phone may play it back
    to us, and we would believe it."""
    if any(wrong.search(sentence) for wrong in (_ASKS_FOR_SECRETS, _TELLS_KEYS, _IS_A_CALL)) or _claims(sentence):
        return False
    try:
        return read_intent(sentence, language).intent is not Intent.ACCEPT
    except LookupError:
        return True


def _claims(sentence: str) -> bool:
    """A plain question asks for leave in the same words: "¿Le paso la llamada?"."""
    is_question = sentence.rstrip().endswith("?") and "," not in sentence
    return not is_question and _CLAIMS.search(sentence) is not None


def asks_for_secrets(text: str) -> bool:
    """Whether somebody is asked for a password, a code or a number."""
    return _ASKS_FOR_SECRETS.search(text) is not None
