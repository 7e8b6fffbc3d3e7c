"""What the add-on says, in other languages: a module each, keyed by the English text."""

from __future__ import annotations

languages: dict[str, dict[str, str]] = {}

translations = {
    language: {(context, english): text for english, text in texts.items() for context in ("*", "Operator")}
    for language, texts in languages.items()
}
