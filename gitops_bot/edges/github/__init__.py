"""Pull requests on GitHub, and how things stand there. What the rest of the bot needs of it is in `server`.

Whatever asks GitHub raises a ForgeError where GitHub refuses or does not answer.
"""
