"""One page of the application per file: no SQL, no network, no PDF code."""
