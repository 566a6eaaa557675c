"""Encoders: texts and numbers become the columns that statistics count, by what was learned of them before.

What an encoder learns is `Moments`, so encoders add up as projects do; fitted to them it is an `Encoding`,
frozen data with `transform`.
"""

from federation.encoders.encoder import KINDS, Encoder, Kind
from federation.encoders.encoding import Encoding
from federation.encoders.errors import EncoderError

__all__ = ["KINDS", "Encoder", "EncoderError", "Encoding", "Kind"]
