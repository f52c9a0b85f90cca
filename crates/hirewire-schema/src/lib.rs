//! The `synchronizationSchema` model: directories, attributes, mappings, scoping filters; imports and exports Entra's JSON without loss.
