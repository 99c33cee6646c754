"""Pages read back: their elements, links and words."""

from base64 import b64decode
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "br", "line", "path", "rect", "circle"}


@dataclass
class Read(HTMLParser):
    """A page: its elements in order, and whether every one was closed in turn."""

    elements: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {key: value or "" for key, value in attrs}))
        if tag not in VOID or self._opened(tag):
            self.open.append(tag)

    def _opened(self, tag: str) -> bool:
        """Whether a tag that may stand alone has something in it."""
        return not (self.get_starttag_text() or "").endswith("/>")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {key: value or "" for key, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, tag: str, of_class: str = "") -> list[dict[str, str]]:
        """The attributes of every element of a tag."""
        return [
            told
            for name, told in self.elements
            if name == tag and (of_class in told.get("class", "").split() or not of_class)
        ]

    def sheets(self) -> dict[str, str]:
        """Every CSV by file name."""
        links = [told for told in self.all("a") if "download" in told]
        return {told["download"]: b64decode(told["href"].partition("base64,")[2]).decode() for told in links}


def read(text: str) -> Read:
    """A page or a picture; fails where an element is not closed."""
    page = Read()
    page.feed(text)
    page.close()
    assert page.open == []
    return page
