"""Pull requests on GitHub, and checks of the token and the repository; `server` is the entry point.

Every method that sends a request raises a ForgeError if GitHub refuses or does not answer.
"""
