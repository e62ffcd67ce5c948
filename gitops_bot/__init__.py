"""gitops-bot keeps the image pins of a GitOps repository current."""

__version__ = "0.1.0"
