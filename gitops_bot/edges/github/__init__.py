"""Pull requests on GitHub, and how things stand there. What the rest of the bot needs of it is in `server`."""
