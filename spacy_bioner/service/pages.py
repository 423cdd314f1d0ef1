"""The page of the service at `/`: its files come with the package, and it asks for nothing from elsewhere."""

from importlib.resources import files

from fastapi import FastAPI
from fastapi.responses import Response

_FILES = {
    "/": ("page.html", "text/html"),
    "/page.js": ("page.js", "text/javascript"),
    "/page.css": ("page.css", "text/css"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}


def add_page(app: FastAPI) -> None:
    """Adds the page's files to the service."""
    for path, (name, media) in _FILES.items():
        _add(app, path, (files("spacy_bioner.service") / "page" / name).read_bytes(), media)


def _add(app: FastAPI, path: str, content: bytes, media: str) -> None:
    @app.get(path, include_in_schema=False)
    async def page() -> Response:
        return Response(content, media_type=media)
