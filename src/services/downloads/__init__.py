"""Downloads whole videos, audio and captions."""
