"""Where the things of the native dialect are, each by its name."""

from typing import Final

FEDERATION: Final = "/api/federations/{federation}"
PROJECT: Final = "/api/projects/{project}"
MODEL: Final = PROJECT + "/models/{model}"
ENCODER: Final = "/api/encoders/{encoder}"
DEPLOYMENT: Final = "/api/deployments/{deployment}"
SOURCE: Final = "/api/sources/{source}"

EMPTY: Final = "Done: an empty object."
"""What a call answers that has nothing to tell."""
