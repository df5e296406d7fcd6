//! The broker's topology: what the services declare is what operators may import beforehand.
