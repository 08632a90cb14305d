"""Scripts as they travel: their comments and indentation stay here, where people read them."""

import re

_LINES_OF_COMMENT = re.compile(r"^[ \t]*(?:/\*\*.*?\*/|//[^\n]*)[ \t]*\n", re.DOTALL | re.MULTILINE)
_INDENTATION = re.compile(r"^\s+", re.MULTILINE)


def lean(script: str) -> str:
    """The script without comments that have lines of their own, without indentation and without empty lines.

    Texts in backticks that span lines lose their indentation too: ours are style sheets, which do not mind.
    """
    return _INDENTATION.sub("", _LINES_OF_COMMENT.sub("", script))
