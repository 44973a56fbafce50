"""Programs for developers: set-up, updates and generated pages."""
