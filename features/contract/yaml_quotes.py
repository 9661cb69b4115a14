"""Writing a text so that YAML reads it back as it is."""

import json


def quote_yaml(text: str) -> str:
    """Return a text in the quotes of YAML; what cannot be printed is escaped.

    YAML takes some such signs for ends of lines and refuses others, also inside quotes. The escapes
    of JSON would not do: they write signs past U+FFFF as two halves, of which YAML knows nothing.
    """
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(sign if sign.isprintable() else f"\\U{ord(sign):08x}" for sign in quoted)
