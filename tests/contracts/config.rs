//! Every service's commented defaults.
