"""What a case history is, and what is measured from it.

Records enter through :mod:`features.folder` (contract folders) or :mod:`features.intake` (another
system's export), become one immutable :class:`features.history.History`, and are measured by
:mod:`features.engine` under a catalogue. Nothing here knows of models, services or stalking.
"""
