"""The parts of the YouTube engine: options, messages, extraction, formats, selection."""
