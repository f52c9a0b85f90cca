//! HTTP: the Graph-compatible API, token endpoint and emulator.
