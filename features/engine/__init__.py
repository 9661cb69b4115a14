"""From a catalogue and a history to every indicator of every case, in one compiled pass."""
