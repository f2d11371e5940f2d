"""What is done to a good token, layer by layer. A mutation changes a draft, and may return what it chose, for the report."""

from . import contents, sending, signing, text
from .layers import LAYERS

__all__ = ["LAYERS", "contents", "sending", "signing", "text"]
