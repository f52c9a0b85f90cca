//! The command line and the process: reads the project folder, wires the rooms, prints.
fn main() {}
