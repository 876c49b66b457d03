"""Existing scripts and Markdown runbooks -> what each needs and reads, found by parsing them; nothing is run."""
