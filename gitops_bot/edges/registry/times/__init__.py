"""When images were built: by the registry's own API where it has one with times, else from what images say."""
