"""What of a folder is taken in: every file but hidden ones, and nothing from outside of it."""

import os
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

HIDDEN = (".", "~$")
"""What the names of hidden files begin with, and of those that Office leaves while a document is open."""


@dataclass(frozen=True)
class FolderFile:
    """A file, and its place as documents know it: the folder's name and the path within, with slashes."""

    path: Path
    source: str


@dataclass
class FolderContents:
    """What was found; `skipped` and `unreadable` name places with the reason.

    `places` are the sources of all files that are there, taken in or not.
    """

    prefix: str
    files: list[FolderFile] = field(default_factory=list)
    places: set[str] = field(default_factory=set)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)


def look_into(folder: Path) -> FolderContents:
    """Find the files in a folder and those below it, in the order of their names."""
    root = folder.resolve()
    contents = FolderContents(_composed(f"{root.name}/"))
    for path in _paths(root, contents):
        place = _composed(f"{root.name}/{path.relative_to(root).as_posix()}")
        contents.places.add(place)
        if reason := _reason_to_skip(path, place, root):
            contents.skipped.append((place, reason))
        else:
            contents.files.append(FolderFile(path, place))
    return contents


def _paths(root: Path, contents: FolderContents) -> Iterator[Path]:
    def note(error: OSError) -> None:
        contents.unreadable.append((str(error.filename), f"the folder cannot be read ({error.strerror})"))

    for parent, folders, names in os.walk(root, onerror=note):
        for path in (Path(parent, name) for name in sorted(folders)):
            if path.name.startswith(HIDDEN):
                contents.skipped.append((str(path), "a hidden folder"))
            elif path.is_symlink():
                contents.skipped.append((str(path), "a link to a folder"))
        folders[:] = sorted(name for name in folders if not name.startswith(HIDDEN))
        yield from (Path(parent, name) for name in sorted(names))


def _reason_to_skip(path: Path, place: str, root: Path) -> str | None:
    if path.name.startswith(HIDDEN):
        return "hidden"
    if not place.isprintable() and not _is_unicode(place):
        return "its name is not valid Unicode"
    if not path.resolve().is_relative_to(root):
        return "a link out of the folder"
    return None if path.is_file() else "not a file"


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _composed(text: str) -> str:
    """macOS gives Korean names in parts; they are known by their whole letters everywhere."""
    return unicodedata.normalize("NFC", text)
