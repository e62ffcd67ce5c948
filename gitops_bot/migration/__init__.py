"""What the settings of other tools mean here: read from their files, never from a cluster or a server."""

from typing import Literal

#: The tools whose settings are understood.
Peer = Literal["argocd-image-updater", "flux", "renovate"]
