"""A storm: random processes of the whole service are killed while it works, and a judge looks at what is left."""
