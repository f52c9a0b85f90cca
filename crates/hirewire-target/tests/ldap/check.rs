//! `hirewire target check`.
