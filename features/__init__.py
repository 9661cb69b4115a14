"""What a case history is, and what is measured from it.

Records enter through :mod:`features.intake.contract_folder` (contract folders) or
:mod:`features.intake.exports` (another system's export), become one immutable
:class:`features.history.columns.History`, and are measured by :mod:`features.engine.measurement`
under a catalogue. Nothing here knows of models, services or stalking.
"""
