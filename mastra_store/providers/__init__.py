"""Provider stores: each a whole Store over one database."""
