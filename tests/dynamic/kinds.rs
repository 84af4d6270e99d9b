//! Contexts: how many sockets, and how they end.
