"""The tokens that requests carry: credentials, logins, refresh, stores."""
