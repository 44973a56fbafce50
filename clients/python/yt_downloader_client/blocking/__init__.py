"""The clients that wait by blocking, written from those of ``aio`` by ``make docs``: change them there."""
