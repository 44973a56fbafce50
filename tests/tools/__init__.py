"""What tests use: media, an offline video site, stores, fakes and waiting."""
