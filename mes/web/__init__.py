"""The shell of the web interface: templates, static files, islands, translations, the home page."""
