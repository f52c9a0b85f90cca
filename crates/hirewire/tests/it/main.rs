//! The product as its users start it: the binary, real files, the embedded directory.
mod clients;
mod days;
mod docs;
mod files;
mod hirewire;
mod jobs;
mod kill;
mod samples;
mod service;
mod workflows;
