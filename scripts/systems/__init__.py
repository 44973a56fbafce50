"""Creates fresh bare Debian systems and runs the commands of README.md in them."""
