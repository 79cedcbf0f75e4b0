"""That a page's article is found whole, and nothing but it."""

import pytest

from ingest.readers import html
from ingest.reading import Reading

PROSE = "The two leaders met on Monday in the capital and agreed to begin talks about trade."


def paragraphs(*openings: str) -> str:
    """Return paragraphs of prose that each begin with a word of their own."""
    return "".join(f"<p>{opening} {PROSE} {PROSE}</p>" for opening in openings)


def openings(reading: Reading) -> list[str]:
    return [block.span.of(reading.text).split()[0] for block in reading.blocks]


def test_an_article_torn_over_several_elements_is_read_whole() -> None:
    torn = "".join(
        f"<div class='grid'><div class='article__body'>{paragraphs(*words)}</div></div>"
        "<div class='ad-slot'>Buy now</div>"
        for words in (("One", "Two"), ("Three", "Four"), ("Five",))
    )
    page = f"<body><main><article><h1>Visit</h1>{torn}</article></main></body>"
    assert openings(html.read(page.encode()))[-5:] == ["One", "Two", "Three", "Four", "Five"]


def test_teasers_that_share_the_class_of_the_article_are_not_read_as_part_of_it() -> None:
    teasers = "".join(
        f"<section><div class='post-content'><h3><a href='/x'>Other</a></h3>"
        f"{paragraphs('Teaser')}</div></section>"
        for _ in range(3)
    )
    article = f"<div class='post-content'>{paragraphs('One', 'Two', 'Three')}</div>"
    page = f"<body><main><h1>Visit</h1>{article}{teasers}</main></body>"
    assert openings(html.read(page.encode())) == ["One", "Two", "Three"]


def test_the_posts_that_wordpress_shows_below_a_post_are_left_out() -> None:
    page = (
        "<body class='single single-post postid-18'>"
        f"<article class='post' id='post-18'><h1>Visit</h1>{paragraphs('One', 'Two')}"
        f"<article class='post' id='post-7'><h2>Other</h2>{paragraphs('Three', 'Four')}</article>"
        "</article></body>"
    )
    assert openings(html.read(page.encode()))[-2:] == ["One", "Two"]


def test_words_behind_a_comment_in_a_paragraph_are_kept() -> None:
    page = f"<body><article>{paragraphs('One')}<p>Two <!-- -->three<!-- --> four. {PROSE}</p>"
    reading = html.read(f"{page}{paragraphs('Five')}</article></body>".encode())
    assert f"Two three four. {PROSE}" in reading.text


def test_an_embedded_post_is_part_of_the_article() -> None:
    post = (
        "<div class='social-media-embed'><blockquote class='twitter-tweet'>"
        f"<p>Glad to <a href='/a'>welcome</a> you. {PROSE} <a href='/b'>pic.example/b</a></p>"
        "&mdash; A Minister <a href='/c'>November 18</a></blockquote><script>x()</script></div>"
    )
    page = f"<body><article>{paragraphs('One', 'Two')}{post}{paragraphs('Three')}</article></body>"
    assert f"Glad to welcome you. {PROSE} pic.example/b" in html.read(page.encode()).text


def test_a_paragraph_hidden_from_screen_readers_alone_is_kept() -> None:
    page = f"<article>{paragraphs('One', 'Two')}<p aria-hidden='true'>Three {PROSE}</p></article>"
    reading = html.read(page.encode())
    assert openings(reading) == ["One", "Two", "Three"]
    assert reading.warnings == ()


@pytest.mark.parametrize(
    "box",
    [
        pytest.param(
            "<p>Get every day's tales</p><p>Get the day's tales, sent to your inbox.</p>",
            id="newsletter",
        ),
        pytest.param("<p>Ce site utilise des témoins, acceptez-les.</p>", id="cookies"),
        pytest.param("<p><a href='/x'>Read more: How the visit was planned</a></p>", id="teaser"),
        pytest.param("<p>Publicidad</p>", id="advertisement"),
        pytest.param("<p>Share this article</p>", id="share"),
    ],
)
def test_boxes_of_the_site_within_an_article_are_left_out(box: str) -> None:
    page = f"<body><article>{paragraphs('One', 'Two')}{box}{paragraphs('Three')}</article></body>"
    assert openings(html.read(page.encode())) == ["One", "Two", "Three"]
