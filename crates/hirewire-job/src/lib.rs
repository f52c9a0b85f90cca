//! Runs a synchronization job: accepted operations are planned, exported, recorded and logged, cycle by cycle.
