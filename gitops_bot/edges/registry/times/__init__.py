"""When images were built: from the registry's own API if it has one with times, else from the images themselves."""
