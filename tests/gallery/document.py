"""Writes docs/gallery.md."""
def write(file, text, statuses): pass
