"""What supervisors say in Spanish, French and German."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_app.briefing.intent import DeclineKind, Intent, phrasebook, read_intent, sounds_like_machine
from ari_app.briefing.languages import LANGUAGES

ACCEPTED = {
    "es": """sí|Sí, por favor.|sí, pásemelo|Sí, pásamela por favor|claro, adelante|vale|de acuerdo, pásamelo
póngame con él|ponme con la clienta|lo atiendo|acepto la llamada|acepto|comuníqueme con él|que pase|Claro que sí
por supuesto|okay, conécteme|transfiérame la llamada|pásame la llamada, por favor|sí, lo tomo|bueno, páselo|si
si, por favor|si, pasemelo|Sí, claro, hágalo pasar|adelante, comuníquemelo|yo me encargo|sí lo acepto|desde luego
dale, pásalo|con mucho gusto|SÍ|cojo la llamada|sí, puede pasármelo|puedo atenderla""",
    "fr": """oui|Oui, s'il vous plaît.|oui, passez-le-moi|Oui, passe-la-moi|d'accord, je le prends|j'accepte
J’accepte l’appel|allez-y|mettez-moi en relation|bien sûr, passez-la-moi|passez-moi l'appel
passez moi le client s'il vous plait|volontiers|je prends l'appel|je m'en occupe|transférez-le-moi|ouais, vas-y
très bien, mettez-nous en relation|oui je la prends|D'accord|connectez-moi|ok, passez-le|oui oui
je veux bien le prendre|je vais lui parler|faites-le entrer|avec plaisir|ça marche|oui, vous pouvez me le passer
je lui parle tout de suite|passe-moi cette personne|entendu|je peux la prendre maintenant""",
    "de": """ja|Ja, bitte.|ja, stellen Sie ihn durch|Gerne, stell sie durch|okay, ich nehme den Anruf an|ich übernehme
verbinden Sie mich|Verbinden Sie mich bitte mit ihm|ja, verbinden|bitte durchstellen|ich nehme ihn
Ja klar, geben Sie ihn mir|natürlich|selbstverstaendlich|in Ordnung|einverstanden, verbinden Sie uns|nur zu
ja gerne, stellen Sie die Kundin durch|ich spreche mit ihr|ich nehme das Gespräch entgegen|her damit|alles klar|jawohl
Ja, Sie können ihn durchstellen|den nehme ich|geben Sie mir den Kunden|ich akzeptiere|gern|machen Sie das
ich kümmere mich darum|verbinde mich|leiten Sie ihn an mich weiter|ja ja, sofort bitte|ok""",
}
# The refusal, and behind # its kind and what comes with it: the reason or message, or for a redirection who.
DECLINED = {
    "es": """no|no, gracias|no puedo|ahora no puedo|no me lo pases|no me lo pase, por favor|no lo pase
estoy ocupado # refused estoy ocupado|estoy en una reunión # refused estoy en una reunión
no, estoy conduciendo # refused estoy conduciendo|rechazo la llamada|de ninguna manera
no tengo tiempo # refused no tengo tiempo|imposible|no estoy disponible # refused no estoy disponible|ahora mismo no
no quiero|ocupada # refused ocupada|no, llámeme más tarde # message llámeme más tarde|tome un recado # message
no, toma nota por favor # message|dígale que lo llamo a las cinco # message lo llamo a las cinco
luego le llamo yo # message luego le llamo yo
Estoy en una junta, dile que le devuelvo la llamada mañana. # message le devuelvo la llamada mañana.
que me llame mañana # message que me llame mañana|pásalo a ventas # redirect ventas|pruebe con María # redirect María
no, mejor páselo a facturación, por favor # redirect facturación|pregunte a otra persona # redirect
eso es cosa de contabilidad # redirect contabilidad|mándaselo al equipo de ventas # redirect equipo de ventas
que lo atienda Pedro # redirect Pedro|no se puede""",
    "fr": """non|non merci|je ne peux pas|je peux pas|ne me le passez pas|me le passez pas|ne le passe pas
non, ne me la passez pas|je suis en réunion # refused je suis en réunion
désolé, je suis occupée # refused je suis occupée|pas maintenant|hors de question
Non, je conduis. # refused je conduis.|je n'ai pas le temps # refused je n'ai pas le temps|je refuse
j'ai une réunion # refused j'ai une réunion|impossible|je ne suis pas disponible # refused je ne suis pas disponible
je ne prends pas l'appel|je préfère pas|occupé # refused occupé|non, rappelez plus tard # message rappelez plus tard
prenez un message # message|pouvez-vous prendre un message ? # message
dites-lui que je rappelle à cinq heures # message je rappelle à cinq heures
je le rappelle demain # message je le rappelle demain
Je suis pris, dites-lui de m'envoyer un mail. # message m'envoyer un mail.
qu'il me rappelle lundi # message qu'il me rappelle lundi|passez-le à Marie # redirect Marie
non, passez-la plutôt au service commercial, merci # redirect service commercial|essayez Marie # redirect Marie
demandez à quelqu'un d'autre # redirect|c'est pour la comptabilité # redirect la comptabilité
transférez l'appel au service technique # redirect service technique|voyez ça avec Paul # redirect Paul""",
    "de": """nein|nein danke|ich kann gerade nicht|ich kann jetzt nicht|stellen Sie ihn nicht durch
bitte nicht durchstellen|stell sie bitte nicht durch|verbinden Sie mich nicht|jetzt nicht|geht gerade nicht
das passt mir gerade nicht|auf keinen Fall|lieber nicht
ich bin in einer Besprechung # refused ich bin in einer Besprechung|Nein, ich bin im Auto. # refused ich bin im Auto.
ich habe keine Zeit # refused ich habe keine Zeit|ich lehne ab|ablehnen|ich nehme den Anruf nicht an|ich möchte nicht
beschäftigt # refused beschäftigt|nein, rufen Sie später wieder an # message rufen Sie später wieder an
nehmen Sie bitte eine Nachricht auf # message|sagen Sie ihm, ich rufe um fünf zurück # message ich rufe um fünf zurück
ich rufe sie morgen zurück # message ich rufe sie morgen zurück
Richten Sie ihr aus, dass ich mich melde. # message ich mich melde.
er soll mich morgen anrufen # message er soll mich morgen anrufen
stellen Sie ihn zum Vertrieb durch # redirect Vertrieb
nein, verbinden Sie ihn lieber mit der Buchhaltung # redirect Buchhaltung|fragen Sie Maria # redirect Maria
fragen Sie jemand anderen # redirect|dafür ist Frau Meier zuständig # redirect Frau Meier
das ist was für die Buchhaltung # redirect Buchhaltung
leiten Sie sie bitte an Herrn Kurz weiter # redirect Herrn Kurz""",
}
REPEATED = {
    "es": """¿Puede repetirlo?|repita, por favor|otra vez|¿cómo?|perdone|no le he oído|dígamelo otra vez|¿qué ha dicho?
no entendí|mande|repítemelo por favor|¿cómo dice?""",
    "fr": """répétez s'il vous plaît|pardon ?|vous pouvez répéter ?|je n'ai pas entendu|je n’ai pas compris|comment ?
quoi|encore une fois|redites-moi ça|qu'avez-vous dit|j'entends mal|Pouvez-vous répéter la question ?""",
    "de": """wie bitte?|noch einmal bitte|nochmal|bitte wiederholen Sie das|können Sie das wiederholen
ich verstehe Sie nicht|was haben Sie gesagt|ich habe Sie nicht verstanden|sagen Sie das noch mal|wie war das
von vorne bitte|das habe ich akustisch nicht verstanden""",
}
SHORTER = {
    "es": """más corto por favor|en una frase|vaya al grano|hágalo breve|la versión corta|solo lo esencial
resuma por favor""",
    "fr": """plus court s'il vous plaît|en une phrase|faites court|juste l'essentiel|la version courte|résumez
allez droit au but""",
    "de": """kürzer bitte|in einem Satz|machen Sie es kurz|nur das Wichtigste|die Kurzfassung bitte
kommen Sie zur Sache|fassen Sie sich kurz""",
}
WAITED = {
    "es": """un momento|espere un segundo, por favor|deme un minuto|un momentito|déjame terminar esto
¿Puede esperar un momento?|no cuelgue|vale, un segundo""",
    "fr": """un instant|une minute s'il vous plaît|donnez-moi une minute|ne quittez pas|attendez une seconde
laissez-moi finir ça d'abord|vous pouvez patienter un instant ?""",
    "de": """einen Moment bitte|Moment|geben Sie mir eine Minute|warten Sie kurz|lassen Sie mich das erst fertig machen
Augenblick|okay, eine Sekunde|bleiben Sie dran""",
}
MACHINES = {
    "es": """Deje su mensaje después de la señal.|Ha llamado al buzón de voz|El número que usted ha marcado no existe
El teléfono al que llama está apagado o fuera de cobertura|Todos nuestros agentes están ocupados
Para ventas, pulse 1 para continuar|Gracias por llamar a nuestra empresa|Su llamada es muy importante para nosotros
El abonado no está disponible|Nuestro horario de atención es de nueve a seis|Permanezca a la espera
Grabe su mensaje al oír el tono|No podemos atender su llamada""",
    "fr": """Laissez un message après le bip.|Vous êtes bien sur la messagerie vocale de Paul
Votre correspondant n'est pas disponible|Le numéro que vous avez composé n'est pas attribué
Tous nos conseillers sont en ligne|Pour le service commercial, tapez 1|Merci de votre appel
Votre appel est important pour nous|Nos bureaux sont actuellement fermés|Veuillez patienter|La boîte vocale est pleine
Je ne peux pas vous répondre, laissez-moi un message|Cet appel peut être enregistré""",
    "de": """Bitte hinterlassen Sie eine Nachricht nach dem Signalton.|Hier ist die Mailbox von Anna Berg
Kein Anschluss unter dieser Nummer|Der Teilnehmer ist vorübergehend nicht erreichbar
Die gewählte Rufnummer ist nicht vergeben|Alle unsere Mitarbeiter sind im Gespräch|Für den Vertrieb drücken Sie die 1
Vielen Dank für Ihren Anruf|Unsere Bürozeiten sind von neun bis fünf|Ihr Anruf wird umgeleitet
Wir können Ihren Anruf zur Zeit nicht entgegennehmen|Bitte haben Sie etwas Geduld
Sprechen Sie Ihre Nachricht auf Band""",
}
HUMANS = {
    "es": """¿Diga?|Hola, soy María de facturación|no estoy disponible ahora|déjele un mensaje
espere un momento por favor|sí, pásemelo|tome un recado|no puedo atenderlo ahora|¿quién llama?|llámeme más tarde
¿tengo que pulsar uno?|gracias por llamarme""",
    "fr": """Allô ?|Bonjour, ici Sarah du service facturation|je ne suis pas disponible là|laissez-lui un message
ne quittez pas|oui, passez-le-moi|prenez un message|je ne peux pas|qui est à l'appareil ?|rappelez plus tard
est-ce que je tape 1 ?|il n'est pas disponible""",
    "de": """Hallo?|Berg, Buchhaltung, guten Tag|ich bin gerade nicht erreichbar|nehmen Sie eine Nachricht auf
warten Sie bitte|ja, stellen Sie ihn durch|ich rufe später zurück|Maier am Apparat|wer ist da?
soll ich die eins drücken?|ich habe ihn weitergeleitet|bleiben Sie dran""",
}
NEVER_ACCEPTED = {
    "es": """¿sí?|sí, ¿quién es?|sí, dígame|diga|hola|¿quién llama?|sí, pero ahora no|si quiere, pásemelo|si lo acepto
si lo atiendo yo|si es urgente pásamelo|¿me lo pasa?|¿lo atiendo?|no sé|no estoy seguro|quizás|tal vez más tarde
sí y no|sí, ¿de qué se trata?|sí, lo escucho|sí, sí, pero dígame quién es|cuando termine pásemelo|pásemelo mañana
páselo a ventas|pásamelo más tarde|ella dijo que sí|mi jefe lo acepta|lo acepta mi jefe|creo que sí|supongo que sí
si te digo que sí, ¿qué pasa?|sí, soy yo|sí, le oigo|acepto tarjetas|conecte la impresora|ponga la llamada en espera
no hay problema, pásemelo|por qué no|sí 2|sí 👎|cómo no me lo dijo|claro, cuando pueda|antes de pasármelo, resuma
solo si es María|él dijo sí|claro que no|espere, sí|lo atiendo mañana|pase lo que pase|pasa de mí""",
    "fr": """oui ?|oui, qui est-ce ?|oui j'écoute|oui allô|allô|oui mais pas maintenant|oui, mais
si vous voulez, passez-le|si c'est urgent passez-le-moi|oui si c'est court|vous me le passez ?|je ne sais pas
je ne suis pas sûr|peut-être|plus tard peut-être|oui et non|oui, c'est à quel sujet|oui, je vous entends
quand j'aurai fini, passez-le-moi|passez-le à Marie|passez-le-moi demain|passez-le-moi plus tard|elle a dit oui
mon chef le prend|je crois que oui|je suppose|si je dis oui, que se passe-t-il|oui c'est moi|c'est moi
j'accepte les cartes|connectez l'imprimante|mettez-le en attente|pas de souci, passez-le|pourquoi pas|oui 2|oui 👎
d'accord, mais qui est-ce|bien sûr que non|avant de me le passer, résumez|seulement si c'est Marie|attendez, oui
je le prends demain|qui dois-je prendre|s'il accepte|s'il le faut|je prends un café|passez une bonne journée
je ne dis pas oui""",
    "de": """ja?|ja, bitte?|ja, wer ist da?|ja, Maier|ja hallo|hallo|ja, ich höre|ja, aber nicht jetzt
wenn er nett ist, stellen Sie ihn durch|falls es dringend ist, verbinden Sie mich|stellen Sie ihn durch?
ich weiß nicht|bin nicht sicher|vielleicht|vielleicht später|ja und nein|ja, worum geht es|ja, ich verstehe Sie
wenn ich fertig bin, stellen Sie ihn durch|stellen Sie ihn zum Vertrieb durch|verbinden Sie mich morgen
stellen Sie ihn später durch|sie hat ja gesagt|mein Chef nimmt ihn|ich glaube ja|ich nehme an
ich nehme an, dass er wartet|was passiert, wenn ich ja sage|ja, am Apparat|das bin ich|ich nehme einen Kaffee
verbinden Sie den Drucker|stellen Sie ihn in die Warteschleife|kein Problem, stellen Sie ihn durch|warum nicht|ja 2
ja 👎|gut, aber wer ist das|natürlich nicht|bevor Sie ihn durchstellen, wer ist es|nur wenn es Maria ist|warten Sie, ja
ich nehme ihn morgen|ob ich ihn nehme|ja, bitte wer ist da|nichts dagegen|ich stelle ihn durch|er stellt sich durch
wir sind verbunden|ja, ja, und was will er""",
}  # fmt: skip
OTHERS = tuple(language for language in LANGUAGES if language != "en")


def table(tables: dict[str, str]) -> list[tuple[str, str]]:
    return [(language, text.strip()) for language in tables for text in phrases(tables[language])]


def phrases(lines: str) -> Iterator[str]:
    yield from (phrase for line in lines.splitlines() for phrase in line.split("|"))


@pytest.mark.parametrize("language, text", table(ACCEPTED))
def test_accepts(language: str, text: str) -> None:
    assert read_intent(text, language).intent is Intent.ACCEPT


@pytest.mark.parametrize("language, text", table(DECLINED))
def test_declines_with_its_kind(language: str, text: str) -> None:
    said, _, expected = text.partition(" # ")
    kind, _, words = (expected or text.partition(" #")[2].strip() or "refused").partition(" ")
    reading = read_intent(said.removesuffix(" #"), language)
    assert (reading.intent, reading.kind) == (Intent.DECLINE, DeclineKind(kind))
    assert (reading.suggestion if kind == "redirect" else reading.reason) == (words or None)


@pytest.mark.parametrize("language, text", table(REPEATED))
def test_asks_to_repeat(language: str, text: str) -> None:
    assert read_intent(text, language).intent is Intent.REPEAT


@pytest.mark.parametrize("language, text", table(SHORTER))
def test_asks_for_less(language: str, text: str) -> None:
    assert read_intent(text, language).intent is Intent.SHORTER


@pytest.mark.parametrize("language, text", table(WAITED))
def test_asks_for_a_moment(language: str, text: str) -> None:
    assert read_intent(text, language).intent is Intent.WAIT


@pytest.mark.parametrize("language, text", table(NEVER_ACCEPTED))
def test_never_accepts(language: str, text: str) -> None:
    assert read_intent(text, language).intent is not Intent.ACCEPT


@pytest.mark.parametrize("language, text", table(MACHINES))
def test_knows_a_machine(language: str, text: str) -> None:
    assert sounds_like_machine(text, language)


@pytest.mark.parametrize("language, text", table(HUMANS))
def test_takes_no_human_for_a_machine(language: str, text: str) -> None:
    assert not sounds_like_machine(text, language)


@pytest.mark.parametrize("language", OTHERS)
def test_a_negation_or_a_doubt_before_or_behind_any_acceptance_is_none(language: str) -> None:
    book = phrasebook(language)
    for accepted in phrases(ACCEPTED[language]):
        for word in book.negations | book.doubts:
            assert read_intent(f"{word} {accepted}", language).intent is not Intent.ACCEPT
            assert read_intent(f"{accepted} {word}", language).intent is not Intent.ACCEPT


@given(st.sampled_from(OTHERS), st.data())
def test_a_negation_anywhere_is_never_acceptance(language: str, data: st.DataObject) -> None:
    words = sorted({word for accepted in phrases(ACCEPTED[language]) for word in accepted.split()})
    before, after = data.draw(st.lists(st.sampled_from(words), max_size=6)), data.draw(st.lists(st.sampled_from(words)))
    negation = data.draw(st.sampled_from(sorted(phrasebook(language).negations)))
    assert read_intent(" ".join([*before, negation, *after]), language).intent is not Intent.ACCEPT


@given(st.sampled_from(OTHERS), st.text(max_size=800))
def test_any_text_is_read_in_any_language(language: str, text: str) -> None:
    reading = read_intent(text, language)
    assert reading.reason is None or 0 < len(reading.reason) <= 200
    sounds_like_machine(text, language)


@pytest.mark.parametrize("language", OTHERS)
def test_an_accent_more_or_less_changes_nothing(language: str) -> None:
    bare = str.maketrans("áéíóúüñàâçèêëîïôûùäöÄÖÜß", "aeiouunaaceeeiiouuaoAOUs")
    for accepted in phrases(ACCEPTED[language]):
        if "ß" not in accepted and not accepted.lower().startswith(("sí", "con ")) and "él" not in accepted:
            assert read_intent(accepted.translate(bare), language).intent is Intent.ACCEPT
