import pytest

from ingest.boilerplate import flags, is_site
from ingest.reading import Part
from rag.types import BlockKind

PROSE = "The two ministers met on Monday and agreed to begin talks on a new treaty of trade. " * 3

SITE = [
    "Get the week's top stories delivered to your inbox every Friday.",
    "Obtain every day's essential tales, despatched straight to your in-box as quickly as a week.",
    "Signal up for our e-newsletter to be told what issues.",
    "Subscribe to our newsletter",
    "Sign up for breaking news alerts!",
    "Join 40,000 readers on our mailing list.",
    "Don't miss a thing: our newsletter brings you the day in five minutes.",
    "Recevez chaque matin l’essentiel de l’actualité dans votre boîte courriel.",
    "Abonnez-vous à notre infolettre",
    "Inscrivez-vous à la newsletter pour ne rien manquer.",
    "Suscríbase a nuestro boletín y no se pierda ninguna noticia.",
    "Recibe las noticias más importantes en tu correo.",
    "We use cookies to improve your experience. By continuing, you accept them.",
    "By using our site you agree to our privacy policy.",
    "Ce site utilise des témoins pour améliorer votre expérience.",
    "En poursuivant votre navigation sur ce site, vous acceptez l’usage de cookies.",
    "Utilizamos cookies para mejorar su experiencia.",
    "Al continuar navegando acepta el uso de cookies.",
    "Accept all cookies",
    "Advertisement",
    "ADVERTISEMENT",
    "Story continues below advertisement",
    "Article continues beneath",
    "Publicité",
    "La suite après la publicité",
    "Publicidad",
    "Share this article",
    "Share this story on Facebook",
    "Partager cet article",
    "Compartir este artículo",
    "Read more: Five things to know about the summit",
    "Learn extra: How the visit was planned",
    "Related: A history of the two countries in pictures",
    "READ MORE »",
    "À lire aussi : Le sommet en cinq questions",
    "Lire aussi | Le sommet en cinq questions",
    "Lea también: Lo que se sabe de la cumbre",
    "Te puede interesar",
    "Follow us on Twitter and Facebook.",
    "Follow Visit Watch on Facebook, YouTube and Instagram.",
    "Suivez-nous sur Facebook",
    "Síguenos en Instagram",
    "Click here to get the Visit Watch app",
    "© 2026 Visit Watch. All rights reserved.",
]
TEXT = [
    "The newsletter of the embassy reached 40,000 readers last year.",
    "She said the ministry would subscribe to the newsletter of the agency.",
    "Subscribers to the newsletter were told of the breach on Tuesday.",
    "“Sign up for our newsletter,” the minister told the crowd.",
    "Sign up for the program by 1 May at the consulate, with two copies of your passport.",
    "Get your visa before you travel, and carry a copy of it in your luggage.",
    "Join the ministers for a lunch at the old station at noon.",
    "Cookies are small files that a website stores on your computer.",
    "The regulator fined the company for its use of cookies without consent.",
    "We use cookies in the workshop to teach children about sharing.",
    "By using tariffs, the government hopes to protect the steel industry.",
    "En continuant d’entendre les témoins, la commission espère conclure en mai.",
    "En poursuivant l’audition des témoins, la commission visite le site de l’usine.",
    "Les témoins ont été entendus par la commission à huis clos.",
    "L’infolettre du ministère a été envoyée à 3 000 entreprises.",
    "Recibe Sheinbaum a Carney en Palacio Nacional, informa un boletín oficial.",
    "El boletín de la Secretaría fue publicado el jueves.",
    "La publicidad del tabaco quedó prohibida en 2023.",
    "La publicité sur le tabac est interdite depuis 1989.",
    "The advertisement offended many viewers in both countries.",
    "Related expenses: 45 million dollars",
    "Related documents",
    "See also: Annex II of the agreement",
    "Voir aussi : annexe II de l’accord",
    "Most popular destinations",
    "More success stories",
    "More from the two leaders is expected on Thursday.",
    "Read more widely, the clause also covers services.",
    "The two leaders share this view and will follow the talks closely.",
    "Follow the ceremony live on the website of the Prime Minister.",
    "Contact: Media Relations, media@example.org",
    "Copyright reform is on the agenda of the talks.",
    "(c) the protection of investors; and",
    "Comments",
]


@pytest.mark.parametrize("text", SITE)
def test_a_block_that_is_nothing_but_site_is_told(text: str) -> None:
    assert is_site(text)


@pytest.mark.parametrize("text", TEXT)
def test_a_sentence_or_heading_of_a_text_is_kept(text: str) -> None:
    assert not is_site(text)


def test_a_long_block_is_kept_however_it_begins() -> None:
    assert not is_site(f"Subscribe to our newsletter. {PROSE * 2}")


def told(*blocks: tuple[str, BlockKind] | str) -> list[str]:
    """Return which of the blocks, put between paragraphs of prose, are told."""
    between = [Part(block) if isinstance(block, str) else Part(*block) for block in blocks]
    parts = [Part(PROSE), *between, Part(PROSE), Part(PROSE)]
    return [part.text for part, each in zip(parts, flags(parts), strict=True) if each]


def test_the_title_and_the_fields_of_a_newsletter_box_go_with_it() -> None:
    box = (
        "Get every day's world tales",
        "Get the day's tales, despatched straight to your inbox as quickly as a day.",
        "Email address",
        "By signing up, you agree to our terms of use.",
    )
    assert told(*box) == list(box)


@pytest.mark.parametrize("text", ["Get every day's world tales", "Email address", "Submit"])
def test_what_stands_around_a_newsletter_box_is_kept_where_there_is_none(text: str) -> None:
    assert told(text) == []


def test_the_paragraph_after_a_newsletter_box_is_kept() -> None:
    assert told("Subscribe to our newsletter", "They met at noon.") == [
        "Subscribe to our newsletter"
    ]


def test_the_items_below_a_list_of_other_articles_go_with_its_title() -> None:
    listing: list[tuple[str, BlockKind]] = [
        ("Related articles", "heading"),
        ("Five things to know", "item"),
        ("The visit in pictures", "item"),
    ]
    assert told(*listing, "They met at noon.") == [text for text, _ in listing]


def test_the_items_below_another_title_are_kept() -> None:
    assert told("Share this article", ("Five things to know", "item")) == ["Share this article"]


def test_nothing_is_told_of_a_document_that_is_mostly_such_blocks() -> None:
    parts = [Part("Subscribe to our newsletter"), Part("It is free.")]
    assert flags(parts) == [False, False]


def test_no_blocks_are_no_trouble() -> None:
    assert flags([]) == []
